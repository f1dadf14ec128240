"""NumPy's files, read by their own strict reader: no pickle, and nothing is allocated before the
header is held against the size of the file."""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, RanvierError, SourceError
from ranvier.data.image.idx import MOST_GROWTH, read_into

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 4_096
_MOST_MEMBERS = 1_000
_HEADER = re.compile(
    r"\{'descr':\s*'(?P<type>[^']*)',\s*'fortran_order':\s*(?P<fortran>True|False),\s*"
    r"'shape':\s*\((?P<shape>[0-9L, ]*)\),?\s*\}\s*"
)
_TYPE = re.compile(r"[<>|=]?[biufSU][0-9]{1,6}|[<>|=]?\?")


@dataclass(frozen=True)
class _Header:
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.start + self.dtype.itemsize * math.prod(self.shape)

    @property
    def order(self) -> Any:
        return "F" if self.fortran else "C"


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an `.npy` file, mapped from it.

    Raises:
        SourceError: a file that cannot be read.
        DataError: a header that does not fit the file, or objects.
    """
    with _reading(path):
        with path.open("rb") as file:
            header = _header(file, str(path))
        _check_size(header, path.stat().st_size, str(path))
        return np.memmap(path, header.dtype, "r", header.start, header.shape, header.order)


def npz_names(path: Path) -> tuple[str, ...]:
    """What the arrays of an `.npz` file are called, in its order.

    Raises:
        SourceError: a file that cannot be read.
        DataError: an archive with other things than arrays, each once.
    """
    with _reading(path), zipfile.ZipFile(path) as archive:
        names = [member.filename for member in archive.infolist()]
    if len(names) > _MOST_MEMBERS or len(set(names)) < len(names):
        raise DataError(
            f"{path}: {len(names):,} members, {len(set(names)):,} different; expected at most "
            f"{_MOST_MEMBERS:,}, each once. Save the arrays again with numpy.savez."
        )
    return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def read_npz(path: Path, name: str) -> NDArray[Any]:
    """One array of an `.npz` file, its checksum checked; mapped where it is not compressed.

    Raises:
        SourceError: a file that cannot be read.
        DataError: a header that does not fit the file, or objects.
    """
    where = f"{path}, array {name!r}"
    with _reading(path), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        is_stored = member.compress_type == zipfile.ZIP_STORED
        _check_member(member, path.stat().st_size, where)
        with archive.open(member) as file:
            header = _header(file, where)
            _check_size(header, member.file_size, where)
            if not is_stored:
                array = np.empty(header.shape, header.dtype, header.order)
                got = read_into(file, array.T if header.fortran else array)
                _check_size(header, header.start + got + len(file.read(1)), where)
                return array
            while file.read(1 << 20):
                pass
        start = _start_of(path, member) + header.start
        return np.memmap(path, header.dtype, "r", start, header.shape, header.order)


def _check_member(member: zipfile.ZipInfo, file_size: int, where: str) -> None:
    growth = MOST_GROWTH if member.compress_type == zipfile.ZIP_DEFLATED else 1
    is_known = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not is_known or member.flag_bits & 1:
        raise DataError(
            f"{where}: compressed or encrypted in a way that NumPy does not write. Save it again "
            "with numpy.savez or numpy.savez_compressed."
        )
    if member.compress_size > file_size or member.file_size > growth * member.compress_size:
        raise DataError(
            f"{where}: {member.compress_size:,} bytes that claim to become {member.file_size:,} in "
            f"a file of {file_size:,}. The file is damaged or made to harm: fetch it again."
        )


def _start_of(path: Path, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a stored member begin: behind its own header, a name and an extra."""
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + int(name) + int(extra)


def _header(file: IO[bytes], where: str) -> _Header:
    start = file.read(8)
    length_bytes = {1: 2, 2: 4}.get(start[6] if len(start) == 8 else 0)
    if not start.startswith(_MAGIC) or length_bytes is None:
        raise DataError(
            f"{where}: not an array of NumPy: it starts with {start!r}; expected {_MAGIC!r} and "
            "version 1 or 2. Save it again with numpy.save."
        )
    length = int.from_bytes(file.read(length_bytes), "little")
    text = file.read(length).decode("latin-1") if length <= _MOST_HEADER else ""
    match = _HEADER.fullmatch(text)
    if match is None or len(text) < length:
        raise DataError(
            f"{where}: a header of {length:,} bytes that says {text[:60]!r}; expected type, order "
            "and shape of one plain array. Save it again with numpy.save."
        )
    if not _TYPE.fullmatch(match["type"]):
        raise DataError(
            f"{where}: values of type {match['type']!r}; expected numbers or words: objects are "
            "pickles, which could run anything. Save plain arrays (array.astype(str) of words)."
        )
    shape = tuple(int(size) for size in match["shape"].replace("L", "").split(",") if size.strip())
    return _Header(
        _dtype(match["type"], where), shape, match["fortran"] == "True", 8 + length_bytes + length
    )


def _dtype(text: str, where: str) -> np.dtype[Any]:
    try:
        return np.dtype(text)
    except TypeError as error:
        raise DataError(f"{where}: {text!r} is no type of NumPy. Save the array again.") from error


def _check_size(header: _Header, size: int, where: str) -> None:
    if header.size == header.start:
        raise DataError(f"{where}: shape {header.shape}: it holds nothing. Save it again.")
    if size != header.size:
        raise DataError(
            f"{where}: {size:,} bytes; its header says {header.shape} values of type "
            f"{header.dtype.name}, which are {header.size:,} bytes. The file is damaged: fetch or "
            "save it again."
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except RanvierError:
        raise
    except _BROKEN as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(
            f"{path}: this file of NumPy cannot be read ({words}). Copy or save it again."
        ) from error


_BROKEN = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
