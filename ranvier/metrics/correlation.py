"""Metrics of how prediction and truth go together, whatever their scale.

NaN where either is constant, one row included.
"""

from __future__ import annotations

import math

import numpy as np

from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Floats, Regressed, weighted_mean


def _correlation(left: Floats, right: Floats, weights: Floats) -> float:
    """Σ w·l·r / √(Σ w·l²·Σ w·r²), of deviations from the weighted means."""
    if left.min() == left.max() or right.min() == right.max():
        return math.nan
    left, right = _deviation(left, weights), _deviation(right, weights)
    product = weights @ (left * right)
    size = math.sqrt((weights @ left**2) * (weights @ right**2))
    return float(np.clip(product / size, -1.0, 1.0))


def _deviation(values: Floats, weights: Floats) -> Floats:
    """Distance from the mean in units of the largest, so that no square over- or underflows."""
    values = values / np.abs(values).max()
    values = values - weighted_mean(values, weights)
    return values / np.abs(values).max()


@metric(
    "pearson",
    "values",
    better="higher",
    other_spellings=("pearsonr", "correlation", "pearson_correlation"),
)
def pearson(rows: Regressed) -> float:
    """Linear correlation of prediction and truth, −1 to 1."""
    return _correlation(rows.truth, rows.predicted, rows.weights)


@metric("spearman", "values", better="higher", other_spellings=("spearmanr",))
def spearman(rows: Regressed) -> float:
    """Correlation of the ranks, −1 to 1: 1 where a rising curve takes prediction to truth."""
    truth = _ranks(rows.truth, rows.weights)
    return _correlation(truth, _ranks(rows.predicted, rows.weights), rows.weights)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Where each value stands, less ½: the weight below it and half of its equals'."""
    _, position = np.unique(values, return_inverse=True)
    weight = np.bincount(position, weights)
    return (np.cumsum(weight) - weight / 2)[position]
