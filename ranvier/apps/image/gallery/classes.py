"""How good the network is at each class, and which classes it takes for one another.

N pictures, C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.task import Task
from ranvier.metrics import Labels, per_class, score
from ranvier.metrics.rows import rows_of

SCORES = ("precision", "recall", "f1")


def class_scores(
    task: Task, truth: NDArray[Any], answer: NDArray[np.float64], *, split: str
) -> dict[str, Any] | None:
    """Precision, recall, F1 and number of every class, and what it is most often taken for.

    Where several classes may hold, the areas under the curves of each instead of the latter. None
    where there are no classes or an answer is not finite.

    Shapes: truth [N] class indices or [N, C] of yes and no; answer [N, C]
    """
    if not task.classes or not len(truth) or not np.isfinite(answer).all():
        return None
    if task.is_multilabel:
        rows: Any = Labels.of(truth > 0, answer)
        further = [_areas(rows, index) for index in range(len(task.classes))]
    else:
        rows = rows_of(task, truth, answer, None)
        further = _taken_for(task, rows.confusion)
    found = per_class(rows)
    items = [
        {
            "label": label,
            **{name: _finite(found[name][index]) for name in SCORES},
            "support": int(found["support"][index]),
            **further[index],
        }
        for index, label in enumerate(task.classes)
    ]
    return {"what": "classes", "part": split, "items": items}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _areas(rows: Labels, index: int) -> dict[str, float | None]:
    one = Labels.of(rows.truth[:, [index]], rows.probabilities[:, [index]])
    names = ("roc_auc", "average_precision")
    return {name: _finite(value) for name, value in score(one, names=names).items()}


def _taken_for(task: Task, confusion_CC: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The class that pictures of each are most often taken for, and how many are."""
    wrong_CC = confusion_CC.copy()
    np.fill_diagonal(wrong_CC, 0)
    return [
        {"taken_for": task.classes[other] if row[other] else None, "taken": int(row[other])}
        for row, other in zip(wrong_CC, wrong_CC.argmax(1).tolist(), strict=True)
    ]
