"""Telling codes from counts: whole numbers that name things from those that measure them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.core.task import Task

_SAMPLE = 50_000
_MOST_CLASSES = 32
# Whole numbers of so few values, each seen so often, may be codes.
_MOST_VALUES = 32
_ROWS_PER_VALUE = 10
_ROUGH = 0.9
_SURE = 4.0


@dataclass(frozen=True)
class Signal:
    """The target of a sample of training rows, as centred columns to compare a feature with.

    Shapes:
        rows: [M], positions among the training rows; values: [M, K]
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]


def signal_of(truth: NDArray[np.int64] | NDArray[np.float64], task: Task) -> Signal:
    """An indicator of each frequent class, or the rank of the number, which no tail can bend."""
    rows = np.arange(0, len(truth), max(1, -(-len(truth) // _SAMPLE)))
    sample = truth[rows]
    if task.is_classification:
        frequent = np.argsort(-np.bincount(sample.astype(np.int64)), kind="stable")[:_MOST_CLASSES]
        values = (sample[:, None] == frequent).astype(np.float64)
    else:
        values = np.argsort(np.argsort(sample, kind="stable"), kind="stable")[:, None] * 1.0
    return Signal(rows, values - values.mean(axis=0))


def are_codes(numbers: NDArray[np.float64], signal: Signal) -> bool:
    """Whether a column of whole numbers looks like codes whose order means little.

    Nothing in a file tells 1 = married, 2 = widowed from a count of rooms, but the target does:
    from one count to the next its mean moves a little, from one code to the next it jumps. So the
    mean of the target is taken per value, and the column is one of codes if (1) its means are
    further from a straight line than chance puts them (lack-of-fit F above 4) and (2) they are
    rough: von Neumann's ratio, the squared step between neighbours over twice the variance, is
    near or above the 1 that a shuffled order gives.

    A column of codes goes to the network twice, as a number and as a category. Measured with a
    128-128 perceptron with embeddings, two seeds, few-valued whole numbers given as numbers / as
    both / as categories alone: ACS employment, 20,000 rows, AUC .8914 / .8957 / .8942; Letter,
    accuracy .948 / .946 / .933; digits .969 / .924 / .907. Both helps codes and harms counts,
    hence this test. It takes 7 columns of ACS employment (marital status, relationship, race …;
    not schooling, which is ordered), and none of Letter or digits.

    Shapes:
        numbers: [M], the rows of `signal`; NaN where missing
    """
    present = np.isfinite(numbers)
    levels, place, counts = np.unique(numbers[present], return_inverse=True, return_counts=True)
    num_levels, num_rows = len(levels), int(present.sum())
    if not 2 < num_levels <= _MOST_VALUES or num_rows < _ROWS_PER_VALUE * num_levels:
        return False
    target = signal.values[present]
    target = target - target.mean(axis=0)
    sums = np.stack([np.bincount(place, weights=column) for column in target.T], axis=1)
    means = sums / counts[:, None]
    between = float((counts[:, None] * means**2).sum())
    within = float((target**2).sum()) - between
    if between <= 0 or within <= 0:
        # The column tells the target exactly: there is no noise to hold the steps against.
        return False
    centred = levels - np.average(levels, weights=counts)
    slope = (counts * centred) @ means
    straight = float((slope**2).sum()) / float((counts * centred**2).sum())
    lack_of_fit = (between - straight) / (num_levels - 2) / (within / (num_rows - num_levels))
    pair = np.sqrt(counts[:-1] * counts[1:])
    step = float((pair[:, None] * np.diff(means, axis=0) ** 2).sum() / pair.sum())
    return lack_of_fit > _SURE and step / (2 * between / num_rows) > _ROUGH
