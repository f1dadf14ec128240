"""The whole way from a source of pictures to parts of bytes: list, decode, divide, fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.core.finding import Finding
from ranvier.data.image.arrange import arrange
from ranvier.data.image.bring import Bytes
from ranvier.data.image.cache import DecodedPictures, Progress, decode_listing
from ranvier.data.image.divide import divide_pictures
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.data.image.findings import check_left_out, problem_findings, twin_findings
from ranvier.data.image.form import decide_form
from ranvier.data.image.list_pictures import list_pictures
from ranvier.data.image.listing import TEST, TO_SPLIT, TRAIN, VALIDATION, Listing
from ranvier.data.image.picture_data import PictureData, Pictures
from ranvier.data.image.profile import (
    profile_form,
    profile_problems,
    profile_symmetry,
    profile_truth,
    profile_twins,
)
from ranvier.data.image.read import Readable, labelled, readable
from ranvier.data.image.statistics import byte_statistics
from ranvier.data.image.symmetry import measure_symmetry
from ranvier.data.image.targets import picture_target, target_weights
from ranvier.data.image.truth import targets_of
from ranvier.data.image.twins import Twins, find_twins
from ranvier.data.split import Split
from ranvier.data.tabular.target import Target
from ranvier.runs.settings import TrainSettings

_PARTS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
_VERBS = {"validation": "validate", "test": "test"}


@dataclass(frozen=True, eq=False)
class _Source:
    """A source whose pictures are decoded: `listing` is of those that have pixels and a label, and
    `rows` say which of the decoded they are."""

    listing: Listing
    decoded: DecodedPictures
    target: Target
    rows: NDArray[np.int64]


def prepare(
    source: Any, settings: TrainSettings, *, progress: Progress | None = None
) -> PictureData:
    """The pictures of `source` as parts of bytes, with all that was found on the way.

    `progress` is told what takes long, how much of it is done, and of how much.

    Raises:
        SourceError: pictures that are not there, or a cache that cannot be written.
        DataError: pictures that cannot be trained on as they stand.
        MissingExtraError: without Pillow, where it is needed.
    """
    listing = list_pictures(source, settings)
    form, sizes = decide_form(listing, settings)
    own = _decoded(listing, form, settings, progress)
    outside = _outside(form, settings, progress)
    task, truth = own.target.task, own.target.truth
    twins = find_twins([own.decoded.pixels, *(each.pixels for each in outside.values())])
    _check_different(own, twins)
    split = divide_pictures(own.listing, truth, task, settings, twins=twins.group[own.rows])
    encoder, train = _fit(own, form, split)
    parts = _inner_parts(own, split, encoder, train, settings)
    for name, each in outside.items():
        parts[name] = labelled(encoder, each, most_left_out=settings.most_left_out)
    return PictureData(
        task=task,
        why=own.target.why,
        encoder=encoder,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        findings=(
            *problem_findings((*listing.problems, *own.decoded.problems)),
            *problem_findings(problem for each in outside.values() for problem in each.problems),
            *own.target.findings,
            *_twin_findings(twins, own, split, parts, outside),
        ),
        profile={
            **_profile(listing, own, parts, twins),
            "form": profile_form(form, sizes),
        },
        split=_sentence(split, parts, outside),
        sizes=sizes,
        fingerprint=_fingerprint(own, outside),
        source=listing.source,
    )


def _profile(
    listing: Listing, own: _Source, parts: Mapping[str, Pictures], twins: Twins
) -> dict[str, Any]:
    task, train = own.target.task, parts["train"]
    symmetry = measure_symmetry(train.pixels, train.truth, task)
    return {
        "pictures": len(listing),
        "left_out": len(listing) - len(own.rows),
        **own.decoded.facts,
        "problems": profile_problems((*listing.problems, *own.decoded.problems)),
        "target": profile_truth(task, {name: part.truth for name, part in parts.items()}),
        "parts": {name: len(part) for name, part in parts.items()},
        "twins": profile_twins(twins, own.decoded.positions + 1),
        "symmetry": profile_symmetry(symmetry),
        "symmetry_scores": symmetry.scores,
        "listing": dict(listing.facts or {}),
    }


def _decoded(
    listing: Listing, form: PictureForm, settings: TrainSettings, progress: Progress | None
) -> _Source:
    decoded = decode_listing(listing, form, threads=settings.threads, progress=progress)
    check_left_out(
        listing.source,
        listing.problems,
        decoded.problems,
        readable=len(decoded.positions),
        most=settings.most_left_out,
    )
    # What is decoded stays in its one place: from here on the listing is of names and labels.
    kept = replace(listing, pixels=None, paths=None).only(decoded.positions)
    target = picture_target(kept, settings)
    return _Source(kept.only(target.rows), decoded, target, target.rows)


def _check_different(own: _Source, twins: Twins) -> None:
    if len(own.rows) > 1 and len(np.unique(twins.group[own.rows])) == 1:
        raise DataError(
            f"{own.listing.source}: all {len(own.rows):,} pictures are copies of one; expected "
            "pictures that differ. Look at them, or at how they were read."
        )


def _outside(
    form: PictureForm, settings: TrainSettings, progress: Progress | None
) -> dict[str, Readable]:
    """The parts that have a source of their own."""
    found = {}
    for part, source in (("validation", settings.validation), ("test", settings.test)):
        if source is not None:
            listing = list_pictures(source, settings, for_prediction=True)
            decoded = decode_listing(listing, form, threads=settings.threads, progress=progress)
            found[part] = readable(listing, decoded)
    return found


def _fit(own: _Source, form: PictureForm, split: Split) -> tuple[PictureEncoder, dict[str, Bytes]]:
    """The parts' pixels, and what the training part says of all pictures.

    Raises:
        DataError: for training pictures, or numbers to predict, that are all alike.
    """
    places = {name: own.rows[getattr(split, name)] for name in _PARTS}
    used = {name: each for name, each in places.items() if len(each)}
    pixels = arrange(own.decoded.pixels, used, key=own.decoded.key)
    mean, deviation = byte_statistics(pixels["train"])
    source, target = own.listing.source, own.target.task.target
    if not any(deviation):
        raise DataError(
            f"{source}: every pixel of every training picture is the same; there is nothing to "
            "learn from. Look at the pictures."
        )
    encoder = PictureEncoder(own.target.task, form, mean, tuple(each or 1.0 for each in deviation))
    if own.target.task.kind != "regression":
        return encoder, pixels
    truth = own.target.truth[split.train]
    if not truth.std():
        raise DataError(
            f"{source}, target {target!r}: all {len(truth):,} training pictures have the same "
            "value; there is nothing to learn. Bring more pictures, or split in another way."
        )
    center, scale = float(truth.mean()), float(truth.std())
    return replace(encoder, target_center=center, target_scale=scale), pixels


def _inner_parts(
    own: _Source,
    split: Split,
    encoder: PictureEncoder,
    pixels: Mapping[str, Bytes],
    settings: TrainSettings,
) -> dict[str, Pictures]:
    """The parts that come out of the source itself, those that have pictures."""
    numbers = own.decoded.positions[own.rows] + 1
    parts = {}
    for name, part in pixels.items():
        rows = getattr(split, name)
        truth = own.target.truth[rows]
        weights = None if own.listing.weights is None else own.listing.weights[rows]
        if name == "train":
            counted = target_weights(truth, weights, encoder.task, settings)
        else:
            counted = None if weights is None else weights.astype(np.float32)
        names = [own.listing.names[row] for row in rows.tolist()]
        targets = targets_of(encoder, truth)
        parts[name] = Pictures(part, targets, truth, counted, numbers[rows], names)
    return parts


def _twin_findings(
    twins: Twins,
    own: _Source,
    split: Split,
    parts: Mapping[str, Pictures],
    outside: Mapping[str, Readable],
) -> tuple[Finding, ...]:
    """What copies mean, within the source and between it and those of other parts."""
    count = len(own.decoded.positions)
    place = np.full(count, TO_SPLIT)
    for name, number in _PARTS.items():
        place[own.rows[getattr(split, name)]] = number
    truth = np.zeros((count, *own.target.truth.shape[1:]), dtype=own.target.truth.dtype)
    truth[own.rows] = own.target.truth
    names = [""] * count
    for row, name in zip(own.rows.tolist(), own.listing.names):
        names[row] = name
    others = {name: parts[name] for name in outside}
    place = np.concatenate([place, *(np.full(len(p), _PARTS[n]) for n, p in others.items())])
    truth = np.concatenate([truth, *(part.truth for part in others.values())])
    names += [f"{outside[n].source}: {name}" for n, p in others.items() for name in p.names]
    return twin_findings(twins, place, truth, names, own.target.task, own.listing.source)


def _sentence(split: Split, parts: Mapping[str, Pictures], outside: Mapping[str, Readable]) -> str:
    own = [
        f"{len(parts[part]):,} pictures to {_VERBS[part]} from their own source" for part in outside
    ]
    return "; ".join([split.sentence, *own])


def _fingerprint(own: _Source, outside: Mapping[str, Readable]) -> str:
    """One digest of what the files hold and of what is said of them, in every source."""
    given = own.listing.parts
    said = [
        [own.decoded.fingerprint, own.listing.labels, None if given is None else given.tolist()],
        *([name, each.fingerprint, each.labels] for name, each in outside.items()),
    ]
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()
