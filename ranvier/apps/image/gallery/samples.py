"""A few pictures of every class as the network sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.apps.image.gallery.thumbnails import thumbnails
from ranvier.apps.image.gallery.words import known_as
from ranvier.core.task import Task
from ranvier.data.image import Pictures

MOST_SAMPLES, MOST_PER_CLASS = 96, 7
SAMPLE_BYTES = 350_000


def samples(task: Task, pictures: Pictures) -> dict[str, Any]:
    """Pictures at even distances: of every class, or from the least number to the largest.

    Where there are more classes than pictures to show, classes at even distances have one each.
    """
    shown = _by_class(task, pictures) if task.classes else _by_number(pictures)
    encoded = thumbnails([pictures.pixels[row] for row, _ in shown], most_bytes=SAMPLE_BYTES)
    items = [
        {"png": png, **known_as(pictures, row), "label": label}
        for png, (row, label) in zip(encoded, shown, strict=True)
    ]
    return {"what": "samples", "classes": len(task.classes), "items": items}


def _by_class(task: Task, pictures: Pictures) -> list[tuple[int, Any]]:
    of_each = min(MOST_PER_CLASS, max(1, MOST_SAMPLES // len(task.classes)))
    shown: list[tuple[int, Any]] = []
    for index in _spaced(np.arange(len(task.classes)), MOST_SAMPLES):
        is_of = pictures.truth[:, index] > 0 if task.is_multilabel else pictures.truth == index
        rows = _spaced(np.flatnonzero(is_of), of_each)
        shown += [(row, task.classes[index]) for row in rows]
    return shown


def _by_number(pictures: Pictures) -> list[tuple[int, Any]]:
    order = np.argsort(pictures.truth, kind="stable")
    return [(row, float(pictures.truth[row])) for row in _spaced(order, MOST_SAMPLES // 4)]


def _spaced(values: NDArray[np.int64], most: int) -> list[int]:
    """At most so many of the values, at even distances, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int)
    return [int(value) for value in values[places]]
