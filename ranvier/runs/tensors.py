"""Tensors in a safetensors file, each with a SHA-256, so that a changed bit names its tensor.

The file is what the safetensors library reads and writes: eight bytes with the length of a JSON
header, the header, the tensors' bytes without a gap. It is written here because that library
copies every tensor before it writes, neither syncs nor says why a disk refused, and checks no
digest; here each byte is hashed once, on its way. The header has a digest of its own, under
`HEADER`, so the digests together cover every byte of the file.

Importing this module does not import torch: `check_tensors` has no need of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ranvier.core.errors import DamagedError, RunError
from ranvier.runs.durable import write_file

if TYPE_CHECKING:
    from torch import Tensor

HEADER = "__header__"
_LARGEST_HEADER = 100 << 20
_CHUNK = 1 << 20
# The format's name of each dtype, torch's, and its bytes.
_DTYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "C64": ("complex64", 8),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
}
_FORMAT_NAMES = {f"torch.{torch_name}": name for name, (torch_name, _) in _DTYPES.items()}


@dataclass(frozen=True)
class Entry:
    """Where a tensor is in a file: its dtype by the format's name, its shape, its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Put `tensors` into the file `path`, whole or not at all; gives the SHA-256 of each.

    Raises:
        RunError: the disk is full, or the place may not be written.
    """
    entries, header = _header_for(tensors)
    digests = {HEADER: hashlib.sha256(header).hexdigest(), **dict.fromkeys(tensors, "")}

    def chunks() -> Iterator[bytes | memoryview]:
        yield header
        for entry in entries:
            data = _bytes_of(tensors[entry.name])
            digests[entry.name] = hashlib.sha256(data).hexdigest()
            yield data

    write_file(Path(path), chunks())
    return digests


def _header_for(tensors: Mapping[str, Tensor]) -> tuple[list[Entry], bytes]:
    entries = []
    for name, tensor in tensors.items():
        if str(tensor.dtype) not in _FORMAT_NAMES:
            raise ValueError(f"{name}: a file of tensors has no name for {tensor.dtype}")
        size = tensor.numel() * tensor.element_size()
        entries.append(Entry(name, _FORMAT_NAMES[str(tensor.dtype)], tuple(tensor.shape), size))
    # Widest first, as the safetensors library does, so that every tensor begins aligned.
    entries.sort(key=lambda entry: -_DTYPES[entry.dtype][1])
    table: dict[str, Any] = {}
    begin = 0
    for entry in entries:
        offsets = [begin, begin + entry.size]
        table[entry.name] = {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": offsets}
        begin += entry.size
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return entries, len(text).to_bytes(8, "little") + text


def _bytes_of(tensor: Tensor) -> memoryview:
    import torch

    flat = tensor.detach().to("cpu").resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def read_tensors(path: str | Path, digests: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors of the file `path`, in the order of `digests`, each in memory of its own.

    Raises:
        RunError: the file is not there or cannot be read.
        DamagedError: the header or a tensor, which it names, is not what was written.
    """
    import torch

    path = Path(path)
    tensors: dict[str, Tensor] = {}
    with _opened(path) as file:
        for entry in _entries(path, file, digests):
            data = torch.empty(entry.size, dtype=torch.uint8)
            view = data.numpy().data
            if file.readinto(view) != entry.size or not _is(view, digests[entry.name]):
                raise _damaged(path, f"tensor {entry.name!r}")
            dtype = getattr(torch, _DTYPES[entry.dtype][0])
            tensors[entry.name] = data.view(dtype).reshape(entry.shape)
    return {name: tensors[name] for name in digests if name != HEADER}


def check_tensors(path: str | Path, digests: Mapping[str, str]) -> None:
    """Read the file through and raise as `read_tensors` does, in little memory, without torch."""
    path = Path(path)
    chunk = memoryview(bytearray(_CHUNK))
    with _opened(path) as file:
        for entry in _entries(path, file, digests):
            digest, rest = hashlib.sha256(), entry.size
            while rest:
                count = file.readinto(chunk[: min(rest, _CHUNK)])
                if not count:
                    break
                digest.update(chunk[:count])
                rest -= count
            if rest or digest.hexdigest() != digests[entry.name]:
                raise _damaged(path, f"tensor {entry.name!r}")


def _is(data: memoryview, digest: str) -> bool:
    return hashlib.sha256(data).hexdigest() == digest


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: this file of the run is missing. Restore it from a copy."
        ) from error
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read ({error.strerror}). Check its permissions."
        ) from error


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(f"{path}: {what} is not what was written. Restore the file from a copy.")


def _entries(path: Path, file: BinaryIO, digests: Mapping[str, str]) -> list[Entry]:
    """The header's entries in the order of their bytes; `file` is left at the first one.

    Nothing is allocated that the file's own size does not cover.
    """
    total = os.fstat(file.fileno()).st_size  # a writer may be pruning the path itself
    length = file.read(8)
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > min(total - 8, _LARGEST_HEADER):
        raise _damaged(path, "the header")
    text = file.read(size)
    if not _is(memoryview(length + text), digests.get(HEADER, "")):
        raise _damaged(path, "the header")
    try:
        entries = _parse(json.loads(text), total - 8 - size)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, "the header") from error
    if {entry.name for entry in entries} != set(digests) - {HEADER}:
        raise _damaged(path, "the list of tensors")
    return entries


def _parse(table: Mapping[str, Any], available: int) -> list[Entry]:
    """The entries of a header, or ValueError unless they cover `available` bytes without a gap."""
    entries = []
    at = 0
    for name, row in table.items():
        begin, end = row["data_offsets"]
        shape = tuple(row["shape"])
        if not all(isinstance(size, int) and size >= 0 for size in (*shape, begin, end)):
            raise ValueError(name)
        if begin != at or end - begin != math.prod(shape) * _DTYPES[row["dtype"]][1]:
            raise ValueError(name)
        entries.append(Entry(name, row["dtype"], shape, end - begin))
        at = end
    if at != available:
        raise ValueError("the file's size")
    return entries
