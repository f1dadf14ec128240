"""Labels and numbers of pictures as records hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.task import Task
from ranvier.data.image import Pictures


def label_of(task: Task, truth: NDArray[Any] | Any) -> Any:
    """What is true of a picture: its class, the list of its classes, or its number."""
    if task.is_multilabel:
        return [task.classes[index] for index in np.flatnonzero(np.asarray(truth) > 0.5).tolist()]
    return task.classes[int(truth)] if task.is_classification else float(truth)


def known_as(pictures: Pictures, row: int) -> dict[str, Any]:
    """The name and the number that people find a picture by."""
    return {"name": str(pictures.names[row]), "number": int(pictures.numbers[row])}
