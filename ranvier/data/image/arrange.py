"""The pictures of each part as one array that is never copied where it need not be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ranvier.data.image.bring import Bytes
from ranvier.data.image.cache import MOST_IN_MEMORY
from ranvier.data.image.store import open_stored, store

Places = NDArray[np.int64]

# A file is gathered so many bytes at a time.
_BYTES = 1 << 25


def arrange(pixels: Bytes, places: Mapping[str, Places], *, key: str) -> dict[str, Bytes]:
    """The rows of each part, one after another.

    Rows that lie together stay where they are. Others are gathered: into memory up to 512 MiB for
    all parts, else into a file of the cache beside that which `key` names.

    Shapes: pixels: [N, H, W, C]; -> [n, H, W, C] for each part of n places.

    Raises:
        SourceError: the cache has no room or cannot be written.
    """
    parts = {name: pixels[each[0] : each[-1] + 1] for name, each in places.items() if _lies(each)}
    apart = {name: each for name, each in places.items() if not _lies(each)}
    # What cannot be written makes torch warn, and so does not stay where it is.
    for name, part in parts.items():
        if not part.flags.writeable:
            apart[name] = places[name]
    wanted = np.concatenate([*apart.values(), np.empty(0, dtype=np.int64)])
    row_bytes = int(np.prod(pixels.shape[1:]))
    if len(wanted) * row_bytes <= MOST_IN_MEMORY:
        parts |= {name: np.take(pixels, each, axis=0) for name, each in apart.items()}
        return {name: parts[name] for name in places}
    key = hashlib.sha256(f"{key} arranged".encode() + wanted.tobytes()).hexdigest()
    stored = open_stored(key)
    if stored is None:
        rows = _in_order(pixels, wanted, max(1, _BYTES // row_bytes))
        shape = pixels.shape[1:]
        stored = store(key, rows, row_shape=shape, most_rows=len(wanted), document=dict)
    start = 0
    for name, each in apart.items():
        parts[name] = stored.pixels[start : start + len(each)]
        start += len(each)
    return {name: parts[name] for name in places}


def _lies(places: Places) -> bool:
    """Whether places follow each other without a gap."""
    return len(places) > 0 and bool((np.diff(places) == 1).all())


def _in_order(pixels: Bytes, places: Places, rows: int) -> Iterator[Bytes]:
    for start in range(0, len(places), rows):
        yield np.take(pixels, places[start : start + rows], axis=0)
