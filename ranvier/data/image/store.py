"""Rows of bytes in a file that is mapped, beside a manifest that knows their digests.

    CACHE/pictures/KEY/  pixels  manifest.json

A folder is filled under a hidden name, synced, and renamed once it is whole, so that a crash leaves
no half of one under its key. What does not match its manifest is made again: the cache can be
damaged or deleted at any time without harm, also while it is in use, as a mapped file stays until
it is let go. Two processes may make the same at once; one of the two equal folders stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.core.cache import cache_root
from ranvier.core.errors import ConfigError, SourceError
from ranvier.data.image.bring import Bytes
from ranvier.runs.durable import UNFINISHED, discard_folder, new_folder, write_file

LIMIT_VARIABLE = "RANVIER_PICTURES_GIB"

_PIXELS, _MANIFEST = "pixels", "manifest.json"
_BLOCK = 1 << 23
# Up to so many blocks (256 MiB, a quarter of a second) are compared at each start; of larger files
# so many drawn ones, others each time.
_BLOCKS_CHECKED = 32
_LIMIT_GIB = 50.0
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows mapped from a file, and the document that was stored with them.

    Writing to `pixels` changes this process's copy alone, never the file.
    """

    pixels: Bytes
    document: dict[str, Any]


def folder_of(key: str) -> Path:
    """Where rows of this key are stored."""
    return cache_root() / "pictures" / key


def open_stored(key: str) -> Stored | None:
    """What is stored under a key; None where it is not there or not what was written."""
    folder = folder_of(key)
    try:
        sealed = json.loads((folder / _MANIFEST).read_bytes())
        manifest = sealed["manifest"]
        if sealed["sha256"] != _digest_of(manifest) or not _is_intact(folder / _PIXELS, manifest):
            return None
        stored = Stored(_mapped(folder / _PIXELS, manifest["shape"]), manifest["document"])
        os.utime(folder / _MANIFEST)  # what has not been used for longest goes first
        return stored
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def store(
    key: str,
    rows: Iterable[Bytes],
    *,
    row_shape: tuple[int, ...],
    most_rows: int,
    document: Callable[[], dict[str, Any]],
) -> Stored:
    """Blocks of rows stored under a key, and mapped; `document` is asked for after the last.

    Raises:
        SourceError: the cache has no room for `most_rows`, or cannot be written.
    """
    folder = folder_of(key)
    needed = most_rows * int(np.prod(row_shape))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make_room(folder, needed)
        with new_folder(folder) as building:
            shape, digests = _write_rows(building / _PIXELS, rows, row_shape)
            manifest: dict[str, Any] = {"shape": shape, "digests": digests, "document": document()}
            sealed = {"sha256": _digest_of(manifest), "manifest": manifest}
            write_file(building / _MANIFEST, [json.dumps(sealed).encode()])
    except SourceError:
        raise
    except OSError as error:
        # Another process may have been faster: what it stored is the same.
        if (made := open_stored(key)) is not None:
            return made
        raise _refused(folder, error) from error
    return Stored(_mapped(folder / _PIXELS, shape), manifest["document"])


def _refused(folder: Path, error: OSError) -> SourceError:
    said = os.strerror(error.errno) if error.errno else str(error)
    return SourceError(
        f"{folder.parent}: the cache of decoded pictures cannot be written ({said.rstrip('.')}). "
        "Make room or give it leave to write, or set RANVIER_CACHE to another folder."
    )


def _write_rows(
    path: Path, rows: Iterable[Bytes], row_shape: tuple[int, ...]
) -> tuple[list[int], list[str]]:
    """Write the rows one after another; the shape of all, and a digest for each block of bytes."""
    count, digests = 0, list[str]()
    digest, room = hashlib.sha256(), _BLOCK
    with path.open("wb") as file:
        for block in rows:
            data = np.ascontiguousarray(block).reshape(-1).data
            file.write(data)
            count += len(block)
            while len(data) >= room:
                digest.update(data[:room])
                digests.append(digest.hexdigest())
                data, digest, room = data[room:], hashlib.sha256(), _BLOCK
            digest.update(data)
            room -= len(data)
        if room < _BLOCK:
            digests.append(digest.hexdigest())
        file.flush()
        os.fsync(file.fileno())
    return [count, *row_shape], digests


def _mapped(path: Path, shape: list[int]) -> Bytes:
    if 0 in shape:
        return np.empty(shape, dtype=np.uint8)
    # Copy on write: torch warns of arrays that cannot be written, and the file stays as it is.
    return np.asarray(np.memmap(path, dtype=np.uint8, mode="c", shape=tuple(shape)))


def _is_intact(path: Path, manifest: dict[str, Any]) -> bool:
    size, digests = int(np.prod(manifest["shape"])), manifest["digests"]
    if path.stat().st_size != size or len(digests) != -(-size // _BLOCK):
        return False
    blocks = np.arange(len(digests))
    if len(blocks) > _BLOCKS_CHECKED:
        blocks = np.sort(np.random.default_rng().choice(blocks, _BLOCKS_CHECKED, replace=False))
    with path.open("rb") as file:
        return all(_block_digest(file, int(block)) == digests[block] for block in blocks)


def _block_digest(file: Any, block: int) -> str:
    file.seek(block * _BLOCK)
    return hashlib.sha256(file.read(_BLOCK)).hexdigest()


def _digest_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _make_room(folder: Path, needed: int) -> None:
    """Delete what crashes left, and what has been unused for longest where the limit is passed.

    Raises:
        SourceError: the disk has no room all the same.
    """
    entries = sorted(_entries(folder.parent))
    kept = sum(size for _, size, _ in entries)
    for last_used, size, entry in entries:
        is_litter = entry.name.startswith(".") and UNFINISHED in entry.name
        if is_litter and time.time() - last_used < _ABANDONED_SECONDS:
            continue
        if is_litter or (kept + needed > _limit() and entry != folder):
            discard_folder(entry)
            kept -= size
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise SourceError(
            f"{folder.parent}: {free / 2**20:,.0f} MiB are free there; the decoded pictures need "
            f"{needed / 2**20:,.0f}. Make room, set RANVIER_CACHE to another folder, or ask for "
            "smaller pictures (--size)."
        )


def _entries(root: Path) -> Iterator[tuple[float, int, Path]]:
    """When each folder of the cache was last used, its bytes, and where it is."""
    for entry in root.iterdir():
        try:
            inside = [file.stat() for file in entry.iterdir()]
            last_used = max((file.st_mtime for file in inside), default=entry.stat().st_mtime)
        except OSError:  # another process deleted it meanwhile, or it is none of ours
            continue
        yield last_used, sum(file.st_size for file in inside), entry


def _limit() -> float:
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gib = float(text) if text else _LIMIT_GIB
    except ValueError:
        gib = -1.0
    if not gib >= 0:
        raise ConfigError(
            f"{LIMIT_VARIABLE}={text}: expected how many GiB of decoded pictures are kept, such as "
            f"{_LIMIT_GIB:g}."
        )
    return gib * 2**30
