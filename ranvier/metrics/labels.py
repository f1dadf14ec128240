"""Rows that may have several labels at once, or none.

Dimensions: N rows, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import DataError, ShapeError
from ranvier.core.task import Task
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Decided, Floats, Margins, counted, weighted_mean


@dataclass(frozen=True)
class Labels(Decided):
    """truth [N, L] of yes and no, probabilities [N, L], weights [N] above 0.

    A label is decided on where its probability is above the threshold.
    """

    takes: ClassVar[Takes] = "labels"
    truth: NDArray[np.bool_]
    probabilities: Floats
    weights: Floats
    threshold: float

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        predicted: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        threshold: float = 0.5,
    ) -> Labels:
        """Rows from a truth of 0 and 1 and the probabilities, or decisions, of the labels.

        Shapes: truth and predicted [N, L]; weights [N].

        Raises:
            ShapeError, DataError: arrays that do not belong together, a truth other than 0 and 1.

        >>> Labels.of([[1, 0], [1, 1]], [[0.9, 0.6], [0.7, 0.8]]).exactly_right
        array([False,  True])
        """
        truth_NL, predicted_NL = np.asarray(truth), np.asarray(predicted, dtype=np.float64)
        if truth_NL.ndim != 2 or truth_NL.shape != predicted_NL.shape:
            raise ShapeError(
                f"metrics of labels: got a truth of shape {truth_NL.shape} and predictions of "
                f"shape {predicted_NL.shape}; expected [N, L] for both. "
                "Give every row a column per label."
            )
        if not np.isin(truth_NL, (0, 1)).all():
            bad = truth_NL[~np.isin(truth_NL, (0, 1))][0]
            raise DataError(
                f"metrics of labels: the truth holds {bad}; expected 0 and 1. "
                "Give a 1 to each label that the row has."
            )
        weights_N, (truth_NL, predicted_NL) = counted(weights, truth_NL, predicted_NL)
        return cls(truth_NL.astype(np.bool_), predicted_NL, weights_N, threshold)

    @property
    def num_classes(self) -> int:
        return self.truth.shape[1]

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.probabilities,)

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        """The labels decided on, [N, L]."""
        return self.probabilities > self.threshold

    @cached_property
    def margins(self) -> Margins:
        hit = self.weights @ (self.truth & self.predicted)
        return hit, self.weights @ self.truth, self.weights @ self.predicted

    @property
    def margins_of_rows(self) -> Margins:
        """How many labels of each row were found, are there, and were decided on, [N] each."""
        parts = (self.truth & self.predicted, self.truth, self.predicted)
        hit, true, predicted = (part.sum(axis=1, dtype=np.float64) for part in parts)
        return hit, true, predicted

    @property
    def exactly_right(self) -> NDArray[np.bool_]:
        """Which rows have every label right, [N]."""
        return (self.truth == self.predicted).all(axis=1)

    @property
    def ranked(self) -> Sequence[int]:
        """The labels to be ranked by: all."""
        return range(self.num_classes)

    def is_of(self, chosen: int) -> NDArray[np.bool_]:
        """Which rows truly have a label, [N]."""
        return self.truth[:, chosen]


def labels_of(
    task: Task, truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None
) -> Labels | None:
    """The rows of a multilabel task that count, or None where nothing can be said of them.

    Raises:
        ShapeError, DataError: as `Labels.of`, or not a column for each of the task's classes.
    """
    rows = Labels.of(truth, predicted, weights=weights)
    if rows.num_classes != task.outputs:
        raise ShapeError(
            f"metrics of {task.target!r}: got {rows.num_classes} columns for {task.outputs} "
            f"classes; expected [N, C] = [N, {task.outputs}]. Give every row a column per class."
        )
    return rows if rows.is_scorable else None


@metric(
    "hamming_loss",
    "labels",
    better="lower",
    other_spellings=("hamming", "hamming_distance"),
)
def hamming_loss(rows: Labels) -> float:
    """Share of all labels of all rows that were decided wrongly."""
    return weighted_mean((rows.truth != rows.predicted).mean(axis=1), rows.weights)
