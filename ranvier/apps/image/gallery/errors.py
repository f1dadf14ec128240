"""The pictures on which the network is most wrong, and where in them it looked.

N pictures, C classes, B pictures shown, H height, W width, K channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.apps.image.gallery.thumbnails import thumbnails
from ranvier.apps.image.gallery.words import known_as, label_of
from ranvier.core.task import Task
from ranvier.data.image import Pictures

MOST_ERRORS = 24
ERROR_BYTES = 420_000

Heat = Callable[[NDArray[np.uint8], NDArray[np.int64]], NDArray[np.uint8] | None]
"""Pictures `[B, H, W, K]` with, for each, what speaks for an output `[B]` set off: bytes, too."""


def errors(
    task: Task,
    pictures: Pictures,
    answer: NDArray[np.float64],
    *,
    split: str,
    heat: Heat,
    most: int = MOST_ERRORS,
) -> dict[str, Any] | None:
    """The worst errors, worst first; None where nothing was answered wrong.

    Shapes: answer [N, C], or [N] where the target is a number
    """
    found = worst(task, pictures.truth, answer)
    if not len(found.rows):
        return None
    rows = found.rows[:most]
    pixels = [pictures.pixels[row] for row in rows]
    heated = heat(np.stack(pixels), found.outputs[:most])
    both = [*pixels, *(() if heated is None else heated)]
    encoded = thumbnails(both, most_bytes=ERROR_BYTES)
    items = []
    for place, row in enumerate(rows.tolist()):
        item = {"png": encoded[place], "heat": encoded[len(rows) + place] if heated is not None
                else None, **known_as(pictures, row)}  # fmt: skip
        items.append({**item, **_told(task, pictures.truth[row], answer[row])})
    return {"what": "errors", "part": split, "wrong": len(found.rows), "of": len(pictures),
            "items": items}  # fmt: skip


@dataclass(frozen=True)
class Worst:
    """Rows answered wrong, worst first, and for each the output that the error lies in."""

    rows: NDArray[np.int64]
    outputs: NDArray[np.int64]


def worst(task: Task, truth: NDArray[Any], answer: NDArray[np.float64]) -> Worst:
    """The rows answered wrong, the largest loss first.

    Shapes: truth [N] or [N, C]; answer [N, C] or [N]
    """
    if task.is_multilabel:
        off_NC = np.abs(answer - (truth > 0))
        wrong = np.flatnonzero((off_NC >= 0.5).any(1))
        loss, outputs = -np.log(np.clip(1 - off_NC, 1e-12, None)).sum(1), off_NC.argmax(1)
    elif task.is_classification:
        chosen = answer[np.arange(len(truth)), truth]
        outputs = answer.argmax(1)
        wrong, loss = np.flatnonzero(outputs != truth), -np.log(np.clip(chosen, 1e-12, None))
    else:
        loss, outputs = np.abs(answer - truth), np.zeros(len(truth), dtype=np.int64)
        wrong = np.flatnonzero(loss > 0)
    rows = wrong[np.argsort(-loss[wrong], kind="stable")]
    return Worst(rows, outputs[rows])


def _told(task: Task, truth: Any, answer: NDArray[np.float64]) -> dict[str, Any]:
    told = {"truth": label_of(task, truth)}
    if task.is_multilabel:
        held = int(np.abs(answer - (truth > 0)).argmax())
        return {**told, "predicted": label_of(task, answer), "about": task.classes[held],
                "confidence": float(answer[held])}  # fmt: skip
    if task.is_classification:
        guess = int(answer.argmax())
        return {**told, "predicted": task.classes[guess], "confidence": float(answer[guess]),
                "truth_probability": float(answer[int(truth)])}  # fmt: skip
    return {**told, "predicted": float(answer)}
