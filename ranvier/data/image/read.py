"""Pictures read in the form that a trained network wants, to predict or to be measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.data.image.bring import Bytes
from ranvier.data.image.cache import (
    MOST_IN_MEMORY,
    Block,
    DecodedPictures,
    Progress,
    decode_blocks,
    decode_listing,
    told,
)
from ranvier.data.image.encode import PictureEncoder
from ranvier.data.image.findings import check_left_out
from ranvier.data.image.list_pictures import list_pictures
from ranvier.data.image.listing import Label, Listing, Problem
from ranvier.data.image.picture_data import Pictures
from ranvier.data.image.problems import summary
from ranvier.data.image.truth import known_truth, targets_of
from ranvier.runs.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class Readable:
    """The pictures of a source that could be read, and what became of the others.

    `names` are of all pictures of the source, `places` say which of them `pixels` are, and
    `labels`, where the source has them, are of all; `passed_over` more were not asked for. Problems
    were met while the source was listed, or while its pictures were decoded.

    Shapes:
        pixels: [N, H, W, C]; places: [N]
    """

    source: str
    pixels: Bytes
    places: NDArray[np.int64]
    names: tuple[str, ...]
    labels: tuple[Label, ...] | None
    listed_problems: tuple[Problem, ...]
    decoding_problems: tuple[Problem, ...]
    weights: NDArray[Any] | None = None
    fingerprint: str = ""
    passed_over: int = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.listed_problems, *self.decoding_problems)

    @property
    def problem_of_each(self) -> list[str | None]:
        """For every picture why it could not be read; None for those that could."""
        left_out = (each for each in self.decoding_problems if each.is_left_out)
        why = {each.name: f"{each.kind}: {each.detail}" for each in left_out}
        readable = set(self.places.tolist())
        return [
            None if place in readable else why.get(name, "it could not be read")
            for place, name in enumerate(self.names)
        ]

    def require_all(self) -> None:
        """Refuse a source of which a picture could not be read.

        Raises:
            DataError: with the summary of the problems.
        """
        if len(self.places) < len(self.names):
            left = len(self.names) - len(self.places)
            raise DataError(
                f"{self.source}: {left:,} of {len(self.names):,} pictures cannot be read; expected "
                f"an answer for each. Mend or remove them.\n{summary(self.decoding_problems)}"
            )


def read_pictures(
    encoder: PictureEncoder,
    source: Any,
    *,
    limit: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Readable:
    """All pictures of a source in the form of a trained network; nothing need be known of them.

    With a `limit` so many of them at most, at even distances. Up to 512 MiB are read into memory;
    more go through the cache and are mapped from there.

    Raises:
        SourceError: pictures that are not there, or a cache that cannot be written.
        DataError: a source that holds no pictures.
        MissingExtraError: without Pillow, where it is needed.
    """
    settings = TrainSettings(target=encoder.task.target, task=encoder.task.kind)
    whole = listing = list_pictures(source, settings, for_prediction=True)
    if limit is not None and limit < len(whole):
        listing = whole.only(np.arange(limit) * len(whole) // limit)
    form = encoder.form
    if len(listing) * int(np.prod(form.shape)) > MOST_IN_MEMORY:
        decoded = decode_listing(listing, form, threads=threads, progress=progress)
        found = readable(listing, decoded)
    else:
        blocks = told(decode_blocks(listing, form, threads=threads), len(listing), progress)
        room = np.empty((len(listing), *form.shape), dtype=np.uint8)
        found = _in_memory(listing, blocks, room)
    return replace(found, passed_over=len(whole) - len(listing))


def readable(listing: Listing, decoded: DecodedPictures) -> Readable:
    """What became of the pictures of a listing."""
    return Readable(
        listing.source,
        decoded.pixels,
        decoded.positions,
        listing.names,
        listing.labels,
        listing.problems,
        decoded.problems,
        listing.weights,
        decoded.fingerprint,
    )


def _in_memory(listing: Listing, blocks: Iterator[Block], room: Bytes) -> Readable:
    """The blocks of a listing, their pixels one after another in `room`."""
    count, places, problems = 0, [np.empty(0, dtype=np.int64)], list[Problem]()
    for block in blocks:
        room[count : count + len(block.pixels)] = block.pixels
        count += len(block.pixels)
        places.append(block.positions)
        problems += block.problems
    decoded = DecodedPictures(
        room[:count], np.concatenate(places), tuple(problems), {}, fingerprint="", key=""
    )
    return readable(listing, decoded)


def labelled_pictures(
    encoder: PictureEncoder,
    source: Any,
    *,
    most_left_out: float = TrainSettings().most_left_out,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Pictures:
    """The pictures of a source that has labels, to hold answers against; unfit ones are left out.

    Raises:
        DataError: no labels, a class that was not trained on, or too many pictures unfit to read;
            and all that `read_pictures` raises.
    """
    found = read_pictures(encoder, source, threads=threads, progress=progress)
    return labelled(encoder, found, most_left_out=most_left_out)


def labelled(encoder: PictureEncoder, found: Readable, *, most_left_out: float) -> Pictures:
    """Pictures with the truth of each, from what was read.

    Raises:
        DataError: no labels, a class that was not trained on, or too many pictures unfit to read.
    """
    source = found.source
    check_left_out(
        source,
        found.listed_problems,
        found.decoding_problems,
        readable=len(found.places),
        most=most_left_out,
    )
    if found.labels is None:
        raise DataError(
            f"{source}: the pictures have no labels; expected a {encoder.task.target} for each. "
            "Sort them into a folder for each class, or give a table that names them."
        )
    labels = [found.labels[place] for place in found.places.tolist()]
    truth = known_truth(encoder.task, labels, source)
    weights = found.weights
    return Pictures(
        found.pixels,
        targets_of(encoder, truth),
        truth,
        None if weights is None else weights[found.places].astype(np.float32),
        found.places + 1,
        [found.names[place] for place in found.places.tolist()],
    )
