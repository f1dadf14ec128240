"""From the labels of pictures to the task: which classes, or which number, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, DataError
from ranvier.core.task import Task
from ranvier.data.class_weights import class_balanced
from ranvier.data.image.listing import Listing
from ranvier.data.image.suffixes import natural_order
from ranvier.data.tabular.target import Target, read_target
from ranvier.runs.settings import TrainSettings


def picture_target(listing: Listing, settings: TrainSettings) -> Target:
    """The task that the labels ask for, and the truth of every picture.

    Words are classes, in the order in which people would sort them; numbers are classes or a
    quantity by the rules for tables; several classes a picture are multilabel. `task` of the
    settings insists. `truth` of the latter says for each class whether it holds: bool [N, classes].

    Raises:
        DataError: no labels, labels of one class, or labels that the task cannot have.
    """
    if not listing.labels:
        raise DataError(
            f"{listing.source}: pictures without labels; expected a label for each to learn from. "
            "Sort them into a folder for each class, or give a table that names them."
        )
    several = any(isinstance(label, tuple) for label in listing.labels)
    if several or settings.task == "multilabel":
        return _multilabel(listing, settings, several)
    column = _column(listing, settings)
    if settings.task != "regression":
        _check_classes(listing, column)
    target = read_target(column, listing.source, task=settings.task)
    return _in_natural_order(target) if target.task.is_classification else target


def target_weights(
    truth: NDArray[Any], weights: NDArray[Any] | None, task: Task, settings: TrainSettings
) -> NDArray[np.float32] | None:
    """What each training picture counts in the loss: its own weight, and its class's if asked.

    Raises:
        ConfigError: balanced classes where several may hold of a picture.
    """
    own = None if weights is None else weights.astype(np.float32)
    if settings.class_weight != "balanced":
        return own
    if task.is_multilabel:
        raise ConfigError(
            "class_weight=balanced: pictures of several classes each have no one class to be "
            "weighed by. Leave it at none, or give weights of your own with --weight."
        )
    return class_balanced(truth, own, task)


def _column(listing: Listing, settings: TrainSettings) -> pl.Series:
    labels = list(listing.labels or ())
    column = pl.Series(listing.target, labels, strict=False)
    if settings.task == "regression" and column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        return numbers if numbers.null_count() == 0 else column
    return column


def _check_classes(listing: Listing, column: pl.Series) -> None:
    different = column.drop_nulls().unique()
    if len(different) == 1 and not column.dtype.is_float():
        kind = (listing.facts or {}).get("kind")
        way = (
            "Add a folder with pictures of another class."
            if kind == "folder"
            else "Add pictures of another class, or name another --target."
        )
        raise DataError(
            f"{listing.source}: all {len(column):,} pictures are of one class, {different[0]!r}; "
            f"expected at least two. {way}"
        )


def _in_natural_order(target: Target) -> Target:
    classes = target.task.classes
    ordered = natural_order(classes)
    rank = np.empty(len(classes), dtype=np.int64)
    rank[[classes.index(name) for name in ordered]] = np.arange(len(classes))
    task = replace(target.task, classes=tuple(ordered))
    return replace(target, task=task, truth=rank[target.truth])


def _multilabel(listing: Listing, settings: TrainSettings, several: bool) -> Target:
    if settings.task in ("classification", "regression"):
        raise DataError(
            f"{listing.source}, target {listing.target!r}: several classes may hold of a picture; "
            f"expected one label each for task={settings.task}. Leave the task out."
        )
    sets = [label if isinstance(label, tuple) else (str(label),) for label in listing.labels or ()]
    counts = Counter(name for label in sets for name in label)
    classes = natural_order(counts)
    if not classes or (len(classes) == 1 and counts[classes[0]] == len(sets)):
        came = f"{classes[0]!r} holds of every picture" if classes else "no class holds of any"
        raise DataError(
            f"{listing.source}, target {listing.target!r}: {came}; expected classes that hold of "
            "some pictures and not of others. Name another --target."
        )
    place = {name: number for number, name in enumerate(classes)}
    truth = np.zeros((len(sets), len(classes)), dtype=np.bool_)
    for row, label in enumerate(sets):
        truth[row, [place[name] for name in label]] = True
    mean = sum(counts.values()) / len(sets)
    how = "several may hold of one picture" if several else "as asked"
    why = f"{len(classes):,} classes, {mean:.1f} a picture: {how}"
    rows = np.arange(len(sets), dtype=np.int64)
    return Target(Task("multilabel", listing.target, tuple(classes)), why, rows, truth, ())
