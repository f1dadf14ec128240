"""Rows to be scored: the truth, what was predicted, and what each row counts.

A row of weight w counts as w rows would; a row of weight 0 is not there at all. Dimensions: N rows,
C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import DataError, ShapeError
from ranvier.core.task import Task
from ranvier.metrics.metric import Takes

Floats = NDArray[np.float64]
Margins = tuple[Floats, Floats, Floats]


class Rows:
    """What metrics are computed of: predictions beside the truth. `takes` is their kind."""

    takes: ClassVar[Takes]
    weights: Floats

    @property
    def num_classes(self) -> int:
        """How many classes a row may be of; 0 where there are none."""
        return 0

    @property
    def numbers(self) -> tuple[Floats, ...]:
        """The arrays in which a number that is not finite leaves nothing to be said."""
        return ()

    @property
    def is_scorable(self) -> bool:
        """Whether there is a row, and every number is finite.

        A mean that left rows out which were predicted NaN would flatter the network.
        """
        return len(self.weights) > 0 and all(bool(np.isfinite(a).all()) for a in self.numbers)


class Decided(Rows):
    """Rows in which classes were decided on."""

    @property
    def margins(self) -> Margins:
        """Per class, [C]: the weight of what is of it and was found, that is, and that was said."""
        raise NotImplementedError


class Exclusive(Decided):
    """Rows of one class each, given one class each."""

    confusion: Floats
    """The weight of the rows of each true class (row) given each class (column), [C, C]."""

    @property
    def margins(self) -> Margins:
        return self.confusion.diagonal(), self.confusion.sum(axis=1), self.confusion.sum(axis=0)


@dataclass(frozen=True)
class Classified(Exclusive):
    """truth [N] class indices, probabilities [N, C], weights [N] above 0."""

    takes: ClassVar[Takes] = "probabilities"
    truth: NDArray[np.int64]
    probabilities: Floats
    weights: Floats

    @property
    def num_classes(self) -> int:
        return self.probabilities.shape[1]

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.probabilities,)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row, [N]; the first of those that are level."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confusion(self) -> Floats:  # type: ignore[override]  # computed when it is asked for
        return confusion_of(self.truth, self.predicted, self.num_classes, self.weights)

    @cached_property
    def probability_of_truth(self) -> Floats:
        """What was given to the true class of each row, [N]."""
        return self.probabilities[np.arange(len(self.truth)), self.truth]

    @property
    def ranked(self) -> Sequence[int]:
        """The classes to hold against all others: with two, one of them says it all."""
        return [1] if self.num_classes == 2 else range(self.num_classes)

    def is_of(self, chosen: int) -> NDArray[np.bool_]:
        """Which rows are truly of a class, [N]."""
        return self.truth == chosen


@dataclass(frozen=True)
class Regressed(Rows):
    """truth [N], predicted [N], weights [N] above 0."""

    takes: ClassVar[Takes] = "values"
    truth: Floats
    predicted: Floats
    weights: Floats

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.truth, self.predicted)

    @cached_property
    def residual(self) -> Floats:
        """predicted − truth, [N]."""
        return self.predicted - self.truth

    @property
    def is_constant(self) -> bool:
        """Whether the truth has no spread, so that no share of it can be explained."""
        return bool(self.truth.min() == self.truth.max())


def rows_of(
    task: Task, truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None
) -> Classified | Regressed | None:
    """The rows that count, or None where nothing can be said of them.

    Nothing can be said where no row has a weight, or where a row that has one was predicted a
    number that is not finite: a mean that left such rows out would flatter the network.

    Raises:
        ShapeError: truth, predictions and weights do not belong together.
        DataError: a negative or infinite weight, or a class index that the task does not have.
    """
    truth_N, predicted_array = np.asarray(truth), np.asarray(predicted, dtype=np.float64)
    _require_fit(task, truth_N, predicted_array)
    weights_N, (truth_N, predicted_array) = counted(weights, truth_N, predicted_array)
    rows: Classified | Regressed
    if task.is_classification:
        rows = Classified(_checked_classes(task, truth_N), predicted_array, weights_N)
    else:
        rows = Regressed(truth_N.astype(np.float64), predicted_array, weights_N)
    return rows if rows.is_scorable else None


def counted(
    weights: ArrayLike | None, *arrays: NDArray[Any]
) -> tuple[Floats, tuple[NDArray[Any], ...]]:
    """The weights, all 1 unless given, and the arrays, without the rows of weight 0."""
    weights_N = checked_weights(weights, len(arrays[0]))
    if weights_N.all():
        return weights_N, arrays
    counts = weights_N > 0
    return weights_N[counts], tuple(array[counts] for array in arrays)


def confusion_of(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    num_classes: int,
    weights: Floats | None,
) -> Floats:
    """The weight of each true class (row) given each class (column), [C, C]."""
    cells = truth * num_classes + predicted
    counts = np.bincount(cells, weights=weights, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.float64)


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


def checked_weights(weights: ArrayLike | None, num_rows: int) -> Floats:
    """One finite weight of at least 0 per row, [N]; all 1 unless given."""
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
