"""Labels of pictures as a task that is settled already reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, suggestion
from ranvier.core.task import Task
from ranvier.data.image.encode import PictureEncoder
from ranvier.data.image.listing import Label

_NAMED = 5


def known_truth(task: Task, labels: Sequence[Label], source: str) -> NDArray[Any]:
    """The class index of each label, its number, or for each class whether it holds.

    Shapes: -> [N], or [N, classes] where several may hold.

    Raises:
        DataError: for a class that was not trained on, or a label that is no number.
    """
    if task.kind == "regression":
        return _numbers(labels, f"{source}, target {task.target!r}")
    place = {str(name): number for number, name in enumerate(task.classes)}
    sets = [label if isinstance(label, tuple) else (label,) for label in labels]
    unknown = sorted({str(name) for each in sets for name in each} - set(place))
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise DataError(
            f"{source}, target {task.target!r}: class {', '.join(map(repr, unknown[:_NAMED]))}"
            f"{more} was not trained on. {suggestion(unknown[0], place)}"
        )
    if task.is_multilabel:
        truth = np.zeros((len(sets), len(place)), dtype=np.bool_)
        for row, each in enumerate(sets):
            truth[row, [place[str(name)] for name in each]] = True
        return truth
    several = next((each for each in sets if len(each) != 1), None)
    if several is not None:
        raise DataError(
            f"{source}, target {task.target!r}: a picture has the classes {list(several)}; "
            "expected one each, as in training."
        )
    return np.array([place[str(each[0])] for each in sets], dtype=np.int64)


def _numbers(labels: Sequence[Label], where: str) -> NDArray[np.float64]:
    numbers = np.empty(len(labels))
    for row, label in enumerate(labels):
        try:
            numbers[row] = float(label)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            numbers[row] = np.nan
        if not np.isfinite(numbers[row]):
            raise DataError(f"{where}, picture {row + 1}: {label!r}; expected a number.")
    return numbers


def targets_of(encoder: PictureEncoder, truth: NDArray[Any]) -> NDArray[Any]:
    """The truth as a loss takes it: class indices, zeros and ones, or standardised numbers."""
    if encoder.task.is_classification:
        return truth.astype(np.int64, copy=False)
    if encoder.task.is_multilabel:
        return truth.astype(np.float32)
    return ((truth - encoder.target_center) / encoder.target_scale).astype(np.float32)
