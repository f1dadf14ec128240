"""Metrics of a predicted number, in the target's own unit. The residual is r = ŷ − y."""

from __future__ import annotations

import math

import numpy as np

from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Floats, Regressed, weighted_mean


@metric("mse", "values", better="lower", other_spellings=("mean_squared_error",))
def mse(rows: Regressed) -> float:
    """Mean of r²."""
    return weighted_mean(rows.residual**2, rows.weights)


@metric("rmse", "values", better="lower", other_spellings=("root_mean_squared_error",))
def rmse(rows: Regressed) -> float:
    """√ of the mean of r²: the size of a usual error, large ones counting most."""
    return math.sqrt(mse(rows))


@metric("mae", "values", better="lower", other_spellings=("mean_absolute_error",))
def mae(rows: Regressed) -> float:
    """Mean of |r|."""
    return weighted_mean(np.abs(rows.residual), rows.weights)


@metric("median_absolute_error", "values", better="lower", other_spellings=("medae",))
def median_absolute_error(rows: Regressed) -> float:
    """Median of |r|: half the rows are nearer than this."""
    order = np.argsort(np.abs(rows.residual), kind="stable")
    error, weight = np.abs(rows.residual)[order], np.cumsum(rows.weights[order])
    half = weight[-1] / 2
    # Where a row ends exactly at half the weight, the median lies between it and the next.
    lower, upper = np.searchsorted(weight, half, "left"), np.searchsorted(weight, half, "right")
    return float((error[lower] + error[min(upper, len(error) - 1)]) / 2)


@metric("mape", "values", better="lower", other_spellings=("mean_absolute_percentage_error",))
def mape(rows: Regressed) -> float:
    """Mean of |r| / |y| as a share, 1 for 100 %; enormous where a truth is 0."""
    size = np.maximum(np.abs(rows.truth), np.finfo(np.float64).eps)
    return weighted_mean(np.abs(rows.residual) / size, rows.weights)


@metric(
    "smape",
    "values",
    better="lower",
    other_spellings=("symmetric_mean_absolute_percentage_error",),
)
def smape(rows: Regressed) -> float:
    """Mean of 2·|r| / (|y| + |ŷ|) as a share, from 0 to 2; a row where both are 0 has no error.

    Reference: Makridakis and Hibon, The M3-Competition (2000).
    """
    # Each is halved before they are added, so that the sum of the largest numbers stays finite.
    size = np.abs(rows.truth) / 2 + np.abs(rows.predicted) / 2
    distance = np.abs(rows.predicted / 2 - rows.truth / 2) * 2
    share = np.divide(distance, size, out=np.zeros_like(size), where=size > 0)
    return weighted_mean(share, rows.weights)


def _unexplained(errors: Floats, rows: Regressed) -> float:
    """1 − the squared errors' share of the truth's spread."""
    spread = rows.truth - weighted_mean(rows.truth, rows.weights)
    return float(1 - (rows.weights @ errors**2) / (rows.weights @ spread**2))


@metric("r2", "values", better="higher", other_spellings=("r2_score", "r_squared"))
def r2(rows: Regressed) -> float:
    """Share of the truth's variance explained: 1 − Σ r² / Σ (y − ȳ)²; 0 is predicting the mean.

    NaN where the truth is constant, one row included.
    """
    return math.nan if rows.is_constant else _unexplained(rows.residual, rows)


@metric(
    "explained_variance",
    "values",
    better="higher",
    other_spellings=("explained_variance_score",),
)
def explained_variance(rows: Regressed) -> float:
    """r2 after the mean error is taken off: 1 − Var(r) / Var(y).

    NaN where the truth is constant, one row included.
    """
    if rows.is_constant:
        return math.nan
    return _unexplained(rows.residual - weighted_mean(rows.residual, rows.weights), rows)
