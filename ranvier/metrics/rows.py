"""Rows to be scored: the truth, what was predicted, and what each row counts.

A row of weight w counts as w rows would; a row of weight 0 is not there at all. Dimensions: N rows,
C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import DataError, ShapeError
from ranvier.core.task import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classified:
    """truth [N] class indices, probabilities [N, C], weights [N] above 0."""

    truth: NDArray[np.int64]
    probabilities: Floats
    weights: Floats

    @property
    def num_classes(self) -> int:
        return self.probabilities.shape[1]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row, [N]; the first of those that are level."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confusion(self) -> Floats:
        """The weight of the rows of each true class (row) given each class (column), [C, C]."""
        cells = self.truth * self.num_classes + self.predicted
        counts = np.bincount(cells, weights=self.weights, minlength=self.num_classes**2)
        return counts.reshape(self.num_classes, self.num_classes).astype(np.float64)

    @cached_property
    def probability_of_truth(self) -> Floats:
        """What was given to the true class of each row, [N]."""
        return self.probabilities[np.arange(len(self.truth)), self.truth]


@dataclass(frozen=True)
class Regressed:
    """truth [N], predicted [N], weights [N] above 0."""

    truth: Floats
    predicted: Floats
    weights: Floats

    @cached_property
    def residual(self) -> Floats:
        """predicted − truth, [N]."""
        return self.predicted - self.truth

    @property
    def is_constant(self) -> bool:
        """Whether the truth has no spread, so that no share of it can be explained."""
        return bool(self.truth.min() == self.truth.max())


Rows = Classified | Regressed


def rows_of(
    task: Task, truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None
) -> Rows | None:
    """The rows that count, or None where nothing can be said of them.

    Nothing can be said where no row has a weight, or where a row that has one was predicted a
    number that is not finite: a mean that left such rows out would flatter the network.

    Raises:
        ShapeError: truth, predictions and weights do not belong together.
        DataError: a negative or infinite weight, or a class index that the task does not have.
    """
    truth_N, predicted_array = np.asarray(truth), np.asarray(predicted, dtype=np.float64)
    _require_fit(task, truth_N, predicted_array)
    weights_N = _checked_weights(weights, len(truth_N))
    if not weights_N.all():
        counts = weights_N > 0
        truth_N, predicted_array = truth_N[counts], predicted_array[counts]
        weights_N = weights_N[counts]
    rows: Rows
    if task.is_classification:
        rows = Classified(_checked_classes(task, truth_N), predicted_array, weights_N)
    else:
        rows = Regressed(truth_N.astype(np.float64), predicted_array, weights_N)
    is_finite = np.isfinite(predicted_array).all() and np.isfinite(rows.truth).all()
    return rows if len(truth_N) and is_finite else None


def weighted_mean(values: Floats, weights: Floats) -> float:
    """Σ w·x / Σ w."""
    return float(values @ weights / weights.sum())


def _require_fit(task: Task, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
    shape = (len(truth), task.outputs) if task.is_classification else (len(truth),)
    if truth.ndim != 1 or predicted.shape != shape:
        wanted = "[N] and [N, C]" if task.is_classification else "[N] for both"
        raise ShapeError(
            f"metrics of {task.target!r}: got a truth of shape {truth.shape} and predictions of "
            f"shape {predicted.shape}; expected {wanted}, predictions of shape {shape}. "
            "Give one prediction per row"
            + (", with a probability per class." if task.is_classification else ".")
        )


def _checked_weights(weights: ArrayLike | None, num_rows: int) -> Floats:
    if weights is None:
        return np.ones(num_rows)
    weights_N = np.asarray(weights, dtype=np.float64)
    if weights_N.shape != (num_rows,):
        raise ShapeError(
            f"metrics: got weights of shape {weights_N.shape} for {num_rows} rows; expected "
            f"[N] = {(num_rows,)}. Give one weight per row."
        )
    bad = np.flatnonzero(~(np.isfinite(weights_N) & (weights_N >= 0)))
    if len(bad):
        raise DataError(
            f"metrics: row {bad[0]} has the weight {weights_N[bad[0]]}; expected a finite number "
            "of at least 0. Mend the weights, or leave them out."
        )
    return weights_N


def _checked_classes(task: Task, truth: NDArray[Any]) -> NDArray[np.int64]:
    bad = np.flatnonzero(~((truth >= 0) & (truth < task.outputs)))
    if len(bad):
        raise DataError(
            f"metrics of {task.target!r}: row {bad[0]} has the class index {truth[bad[0]]}; "
            f"expected 0 to {task.outputs - 1}. Give the truth as positions in the task's classes."
        )
    return truth.astype(np.int64)
