"""IDX, the format of the MNIST files: a big-endian header that says all, and then the numbers.

    0  0  type  axes   size of axis 1 … (four bytes each)   numbers, the last axis fastest

Reference: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, SourceError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 4
_NAME = re.compile(
    r"(?P<start>.*?)(?P<what>images|labels)[-_.]idx\d-ubyte(\.gz)?", re.IGNORECASE | re.DOTALL
)

# Deflate spends at least two bits on 258 bytes, so nothing grows more than this when unpacked.
MOST_GROWTH = 1032


@dataclass(frozen=True)
class _Header:
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def start(self) -> int:
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.start + self.dtype.itemsize * math.prod(self.shape)


def idx_name(name: str) -> tuple[str, str] | None:
    """What stands before the word, and "images" or "labels"; None for another file's name.

    >>> idx_name("t10k-images-idx3-ubyte.gz"), idx_name("notes.txt")
    (('t10k-', 'images'), None)
    """
    match = _NAME.fullmatch(name)
    return (match["start"].lower(), match["what"].lower()) if match else None


def read_idx(path: Path) -> NDArray[Any]:
    """The array in the file, mapped from it where it is not compressed.

    Raises:
        SourceError: a file that cannot be read or unpacked.
        DataError: a header that does not fit the file.
    """
    try:
        if path.suffix.lower() == ".gz":
            return _unpacked(path)
        with path.open("rb") as file:
            header = _header(file.read(4 + 4 * _MOST_AXES), str(path))
        _check_size(header, path.stat().st_size, str(path))
        return np.memmap(path, header.dtype, "r", header.start, header.shape)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(
            f"{path}: this IDX file cannot be read ({words}). Copy or fetch it again."
        ) from error


def idx_from_bytes(data: bytes, where: str) -> NDArray[Any]:
    """The array in bytes of a file of this format.

    Raises:
        DataError: a header that does not fit the bytes.
    """
    header = _header(data, where)
    _check_size(header, len(data), where)
    return np.frombuffer(data, header.dtype, offset=header.start).reshape(header.shape)


def _header(start: bytes, where: str) -> _Header:
    axes = start[3] if len(start) >= 4 else 0
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise DataError(
            f"{where}: not an IDX file: it starts with {start[:4]!r}; expected two zero bytes, a "
            "type from 8 to 14 and the number of axes. Fetch it again, or give what it is."
        )
    if not 1 <= axes <= _MOST_AXES or len(start) < 4 + 4 * axes:
        raise DataError(
            f"{where}: an IDX header of {axes} axes in {len(start)} bytes; expected 1 to "
            f"{_MOST_AXES} axes of four bytes each. Fetch it again."
        )
    shape = tuple(np.frombuffer(start, ">u4", axes, offset=4).tolist())
    if 0 in shape:
        raise DataError(f"{where}: an IDX file of shape {shape}: it holds nothing. Fetch it again.")
    return _Header(np.dtype(_TYPES[start[2]]), shape)


def _check_size(header: _Header, size: int, where: str) -> None:
    if size != header.size:
        what = "cut off" if size < header.size else "longer than its header says"
        raise DataError(
            f"{where}: {size:,} bytes; its header says {header.shape} numbers of type "
            f"{header.dtype.name}, which are {header.size:,} bytes. The file is {what}: "
            "fetch it again."
        )


def _unpacked(path: Path) -> NDArray[Any]:
    with gzip.open(path) as file:
        header = _header(file.read(4 + 4 * _MOST_AXES), str(path))
        if header.size > MOST_GROWTH * path.stat().st_size:
            raise DataError(
                f"{path}: its header says {header.shape}, {header.size:,} bytes, which no file of "
                f"{path.stat().st_size:,} compressed bytes can hold. Fetch it again."
            )
        file.seek(header.start)
        array = np.empty(header.shape, header.dtype)
        got = read_into(file, array)
        size = header.start + got + len(file.read(1))
    _check_size(header, size, f"{path}, unpacked")
    return array


def read_into(file: Any, array: NDArray[Any]) -> int:
    """Fill the array's bytes from a file that is read piece by piece; how many there were."""
    memory = memoryview(array.reshape(-1).view(np.uint8).data)
    got = 0
    while got < len(memory):
        piece = file.readinto(memory[got : got + (1 << 20)])
        if not piece:
            break
        got += piece
    return got
