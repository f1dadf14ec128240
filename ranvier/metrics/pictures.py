"""What a report draws of a classification: plain mappings, ready for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ranvier.core.task import Task
from ranvier.metrics.labels import Labels, labels_of
from ranvier.metrics.probabilities import NUM_BINS, reliability
from ranvier.metrics.ranking import cumulative
from ranvier.metrics.rows import Classified, rows_of


def confusion_matrix(
    task: Task, truth: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None
) -> dict[str, Any]:
    """`labels` and `counts`: the weight of the rows of each true class (row) given each (column).

    Counts are whole numbers where no weights are given, and all 0 where nothing can be said.
    """
    rows = rows_of(task, truth, predicted, weights)
    counts = np.zeros((task.outputs, task.outputs))
    if isinstance(rows, Classified):
        counts = rows.confusion
    counts = counts.astype(np.int64) if weights is None else counts
    return {"labels": list(task.classes), "counts": counts.tolist()}


def calibration(
    task: Task,
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    num_bins: int = NUM_BINS,
) -> dict[str, Any]:
    """`bins` that hold rows, each with mean `confidence`, `frequency` and `count` (their weight).

    Of any number of classes those of all of them together, so that `count` is of answers. Where
    the two are equal throughout, the probabilities mean what they say. With the bins left as they
    are, their mean gap is the metric `expected_calibration_error`.
    """
    made = labels_of if task.is_multilabel else rows_of
    rows = made(task, truth, predicted, weights)
    if not isinstance(rows, Classified | Labels):
        return {"bins": []}
    columns = (column.tolist() for column in reliability(rows, num_bins))
    return {
        "bins": [
            {"confidence": confidence, "frequency": frequency, "count": weight}
            for weight, confidence, frequency in zip(*columns, strict=True)
            if weight > 0
        ]
    }


def counts_of_labels(task: Task, truth: ArrayLike, predicted: ArrayLike) -> list[dict[str, Any]]:
    """Of every class of a multilabel task how often it `is`, was `said`, and was `hit` (both)."""
    rows = labels_of(task, truth, predicted, None)
    if rows is None:
        return []
    columns = (margin.astype(np.int64).tolist() for margin in rows.margins)
    return [
        {"label": label, "is": true, "said": predicted, "hit": hit}
        for label, hit, true, predicted in zip(task.classes, *columns, strict=True)
    ]


def roc_curve(
    task: Task,
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    num_points: int = 200,
) -> dict[str, list[float]] | None:
    """`false_positive_rate` and `true_positive_rate` as the threshold falls, from (0, 0) to (1, 1).

    At most `num_points` points, spread evenly along the curve. None unless there are two classes
    and the truth holds both.
    """
    rows = rows_of(task, truth, predicted, weights)
    if not isinstance(rows, Classified) or rows.num_classes != 2:
        return None
    true_positives, false_positives = (np.append(0.0, part) for part in cumulative(rows, 1))
    if not (true_positives[-1] and false_positives[-1]):
        return None
    x, y = false_positives / false_positives[-1], true_positives / true_positives[-1]
    kept = np.unique(np.searchsorted(x + y, np.linspace(0.0, 2.0, num_points)))
    return {"false_positive_rate": x[kept].tolist(), "true_positive_rate": y[kept].tolist()}
