"""All pictures of a listing in one form, decoded once and then mapped from the cache.

The cache is keyed by what the file system says of every file, by the form, and by what decodes:
a second start reads no picture. What the files held is a digest in the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.data.image.bring import (
    Bytes,
    bring_array,
    check_array,
    is_in_form,
    pillow,
    with_levels,
)
from ranvier.data.image.decode import Decoded, most_pixels, read_picture, reading
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.form import size_facts
from ranvier.data.image.listing import Listing, Problem
from ranvier.data.image.store import Stored, open_stored, store

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many are done, and of how many."""

# To be raised when decoding gives other bytes for the same file.
REVISION = 1

# What is gathered into memory in all; what is larger is mapped from a file.
MOST_IN_MEMORY = 1 << 29

_ROWS, _BYTES = 512, 1 << 25
# A thread is given so many at a time: a small picture takes little longer than handing it over.
_SPAN = 16
_SECONDS_BETWEEN_WORDS = 0.2


@dataclass(frozen=True, eq=False)
class Block:
    """A run of a listing's pictures, decoded: `positions` say which of the listing they are."""

    pixels: Bytes
    positions: NDArray[np.int64]
    problems: tuple[Problem, ...]
    decoded: tuple[Decoded, ...]


@dataclass(frozen=True, eq=False)
class DecodedPictures:
    """The pictures of a listing that could be read, in form.

    `positions` say which of the listing they are, ascending; `facts` hold kinds of files and sizes
    for the report; `fingerprint` is a digest of what the source held; `key` names them in the
    cache, where they are mapped from there.

    Shapes:
        pixels: [N, H, W, C]; positions: [N]
    """

    pixels: Bytes
    positions: NDArray[np.int64]
    problems: tuple[Problem, ...]
    facts: dict[str, Any]
    fingerprint: str
    key: str


def decode_listing(
    listing: Listing,
    form: PictureForm,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> DecodedPictures:
    """All pictures of a listing in the form, from the cache where it has them.

    Arrays that are in form stay where they are, and so do small ones brought into it. `progress` is
    told in sentences of what takes time.

    Raises:
        SourceError: the cache has no room or cannot be written.
        DataError: arrays that hold no pictures.
        MissingExtraError: without Pillow, where it is needed.
    """
    if listing.pixels is not None and is_in_form(listing.pixels, form):
        return _as_they_are(listing, form)
    key = _key(listing, form)
    stored = open_stored(key)
    if stored is None:
        blocks = told(decode_blocks(listing, form, threads=threads), len(listing), progress)
        stored = _gather(listing, form, key, blocks)
    return _as_decoded(stored, key, len(listing))


def decode_blocks(
    listing: Listing, form: PictureForm, *, threads: int | None = None
) -> Iterator[Block]:
    """The pictures of a listing block by block, so that few are in memory at any time.

    Pillow lets go of the interpreter while it decodes, so threads are enough.
    """
    rows = max(16, min(_ROWS, _BYTES // max(1, int(np.prod(form.shape)))))
    if listing.pixels is not None:
        check_array(listing.pixels, listing.source)
        form = with_levels(form, listing.pixels)
        for start in range(0, len(listing), rows):
            yield _array_block(listing, form, start, min(start + rows, len(listing)))
        return
    paths, names = listing.paths or (), listing.names
    # Named here once for all threads: what is missing or wrong is said before any file is opened.
    pillow(), most_pixels()
    pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)

    def read(span: range) -> list[Decoded]:
        return [read_picture(paths[place], form, name=names[place]) for place in span]

    try:
        for start in range(0, len(listing), rows):
            stop = min(start + rows, len(listing))
            spans = [range(at, min(at + _SPAN, stop)) for at in range(start, stop, _SPAN)]
            with reading():
                decoded = tuple(chain.from_iterable(pool.map(read, spans)))
            yield _file_block(decoded, start, form)
    finally:
        pool.shutdown(cancel_futures=True)


def told(blocks: Iterator[Block], count: int, progress: Progress | None) -> Iterator[Block]:
    """The same blocks, with a word now and then on how far they are."""
    if progress is None:
        yield from blocks
        return
    last, done = time.monotonic(), 0
    progress("decoding pictures", 0, count)
    for block in blocks:
        yield block
        done += len(block.decoded)
        if done == count or time.monotonic() - last > _SECONDS_BETWEEN_WORDS:
            progress("decoding pictures", done, count)
            last = time.monotonic()


def _file_block(decoded: tuple[Decoded, ...], start: int, form: PictureForm) -> Block:
    kept = [place for place, each in enumerate(decoded) if each.pixels is not None]
    pixels = np.empty((len(kept), *form.shape), dtype=np.uint8)
    for row, each in enumerate(each.pixels for each in decoded if each.pixels is not None):
        pixels[row] = each
    problems = tuple(problem for each in decoded for problem in each.problems)
    return Block(pixels, start + np.array(kept, dtype=np.int64), problems, decoded)


def _array_block(listing: Listing, form: PictureForm, start: int, stop: int) -> Block:
    assert listing.pixels is not None
    part = listing.pixels[start:stop]
    kept = np.arange(stop - start)
    problems: tuple[Problem, ...] = ()
    if part.dtype.kind == "f":
        is_finite = np.isfinite(part.reshape(len(part), -1)).all(axis=1)
        detail = "it holds numbers that are not finite"
        odd = np.flatnonzero(~is_finite).tolist()
        problems = tuple(
            Problem(listing.names[start + place], "not a number", detail) for place in odd
        )
        kept, part = kept[is_finite], part[is_finite]
    size = (int(listing.pixels.shape[2]), int(listing.pixels.shape[1]))
    whole = np.ascontiguousarray(listing.pixels[start:stop])
    decoded = tuple(
        Decoded(None, size=size, digest=hashlib.sha256(picture.data).digest()) for picture in whole
    )
    return Block(bring_array(part, form), start + kept, problems, decoded)


class _Gathered:
    """What the blocks of a listing say beside their pixels, for the manifest."""

    def __init__(self, count: int) -> None:
        self._kept = np.zeros(count, dtype=bool)
        self._sizes = np.zeros((count, 2), dtype=np.int64)
        self._traits: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._digest = hashlib.sha256()
        self._done = 0

    def rows(self, blocks: Iterator[Block]) -> Iterator[Bytes]:
        for block in blocks:
            self._kept[block.positions] = True
            for each in block.decoded:
                self._sizes[self._done] = each.size
                self._done += 1
                self._digest.update(each.digest.ljust(32, b"\0"))
                self._traits.update(each.traits)
            self._problems += block.problems
            yield block.pixels

    def document(self) -> dict[str, Any]:
        return {
            "left_out": np.flatnonzero(~self._kept).tolist(),
            "problems": [asdict(problem) for problem in self._problems],
            "facts": {"traits": dict(self._traits), "sizes": size_facts(self._sizes)},
            "fingerprint": self._digest.hexdigest(),
        }


def _as_decoded(stored: Stored, key: str, count: int) -> DecodedPictures:
    document = stored.document
    kept = np.ones(count, dtype=bool)
    kept[document["left_out"]] = False
    return DecodedPictures(
        stored.pixels,
        np.flatnonzero(kept),
        tuple(Problem(**problem) for problem in document["problems"]),
        document["facts"],
        document["fingerprint"],
        key,
    )


def _gather(listing: Listing, form: PictureForm, key: str, blocks: Iterator[Block]) -> Stored:
    """The blocks one after another: in the cache, or in memory for a small array's."""
    gathered = _Gathered(len(listing))
    rows = gathered.rows(blocks)
    size = len(listing) * int(np.prod(form.shape))
    if listing.pixels is not None and size <= MOST_IN_MEMORY:
        pixels = np.empty((len(listing), *form.shape), dtype=np.uint8)
        return Stored(filled(pixels, rows), gathered.document())
    most = len(listing)
    return store(key, rows, row_shape=form.shape, most_rows=most, document=gathered.document)


def filled(room: Bytes, rows: Iterable[Bytes]) -> Bytes:
    """The rows one after another in an array that is large enough; those that are taken up."""
    count = 0
    for block in rows:
        room[count : count + len(block)] = block
        count += len(block)
    return room[:count]


def _as_they_are(listing: Listing, form: PictureForm) -> DecodedPictures:
    pixels = listing.pixels
    assert pixels is not None
    sides = np.tile(np.array([pixels.shape[2], pixels.shape[1]]), (len(pixels), 1))
    return DecodedPictures(
        pixels.reshape(len(pixels), *form.shape),
        np.arange(len(pixels)),
        (),
        {"traits": {}, "sizes": size_facts(sides)},
        _fingerprint_of_array(pixels),
        _key(listing, form),
    )


def _fingerprint_of_array(pixels: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{pixels.dtype.str} {pixels.shape}".encode())
    for start in range(0, len(pixels), _ROWS):
        digest.update(np.ascontiguousarray(pixels[start : start + _ROWS]).data)
    return digest.hexdigest()


def _key(listing: Listing, form: PictureForm) -> str:
    """What decides the decoded bytes, as one digest: an array's numbers, or every file's place,
    size and times.

    The time of the last change of a file's entry is among them, which no program can set back as
    an archiver sets back the time of its contents.
    """
    names = json.dumps(listing.names)  # problems name their pictures
    if listing.pixels is not None:
        return _digest(_fingerprint_of_array(listing.pixels), names, *_making(form))
    digest = hashlib.sha256()
    for path in listing.paths or ():
        try:
            status = os.stat(path)
            times = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except OSError:
            times = (0, 0, 0)
        digest.update(os.fsencode(os.path.abspath(path)) + f"\0{times}\0".encode())
    return _digest(digest.hexdigest(), names, str(most_pixels()), *_making(form))


def _making(form: PictureForm) -> tuple[str, ...]:
    try:
        version = str(getattr(pillow(), "__version__", ""))
    except ImportError:  # bytes need no Pillow where no size changes
        version = ""
    return (json.dumps(asdict(form)), version, str(REVISION))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
