"""What an array of labels says of each picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.data.image.listing import Label
from ranvier.runs.settings import TrainSettings


def labels_from(
    array: NDArray[Any], name: str, num_pictures: int, settings: TrainSettings
) -> list[Label]:
    """A label for each picture out of an array `[N]` or `[N, 1]`, or of 0 and 1 `[N, classes]`.

    Where every row of the latter holds a single 1 that is its class; else any number of classes
    may hold of a picture. The classes are called as `target` says (`a,b,c`), else by their number.

    Raises:
        DataError: another number of labels than pictures, or values that are no labels.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != num_pictures:
        raise DataError(
            f"{name}: labels of shape {array.shape} for {num_pictures:,} pictures; expected one "
            "label for each, [N], or 0 and 1 for each class, [N, classes]. Give as many."
        )
    if array.ndim == 2:
        return _from_indicators(array, name, settings)
    values = array.tolist()
    for place, value in enumerate(values):
        if not isinstance(value, str | int | float | bool):
            raise DataError(
                f"{name}: picture {place + 1} has the label {value!r}; expected words or numbers. "
                "Fill it in, or leave the picture out."
            )
    if len({isinstance(value, str) for value in values}) > 1:
        return [str(value) for value in values]
    return values


def _from_indicators(array: NDArray[Any], name: str, settings: TrainSettings) -> list[Label]:
    wrong = np.argwhere((array != 0) & (array != 1)) if array.dtype.kind in "biuf" else [(0, 0)]
    if len(wrong):
        row, column = (int(place) for place in wrong[0])
        raise DataError(
            f"{name}: shape {array.shape}, and picture {row + 1} has {array[row, column]} for "
            f"class {column}; expected 0 or 1 for each class, or one label a picture. Mend it."
        )
    holds = array.astype(bool)
    classes = _class_names(holds.shape[1], settings)
    if settings.task != "multilabel" and (holds.sum(axis=1) == 1).all():
        return [classes[place] for place in holds.argmax(axis=1).tolist()]
    words = [str(each) for each in classes]
    return [tuple(words[place] for place in np.flatnonzero(row)) for row in holds]


def _class_names(count: int, settings: TrainSettings) -> list[Any]:
    asked = [name.strip() for name in (settings.target or "").split(",")]
    return asked if len(asked) == count and len(set(asked)) == count else list(range(count))
