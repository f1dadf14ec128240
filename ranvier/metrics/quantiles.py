"""Quantiles that were predicted of a number: forecasts that say how sure they are.

The residual is r = y − q, and α the quantile's level. Dimensions: N rows, Q levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ranvier.core.errors import DataError, ShapeError
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Floats, Rows, counted, weighted_mean


@dataclass(frozen=True)
class Quantiles(Rows):
    """truth [N], predicted [N, Q], levels [Q] rising between 0 and 1, weights [N] above 0."""

    takes: ClassVar[Takes] = "quantiles"
    truth: Floats
    predicted: Floats
    levels: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        predicted: ArrayLike,
        *,
        levels: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> Quantiles:
        """Rows from the quantiles of every level; an interval is the two of its ends.

        Raises:
            ShapeError: arrays that do not belong together.
            DataError: levels that do not rise between 0 and 1.

        >>> rows = Quantiles.of([3.0, 9.0], [[1.0, 5.0], [2.0, 8.0]], levels=[0.1, 0.9])
        >>> interval_coverage(rows)
        0.5
        """
        truth_N = np.asarray(truth, dtype=np.float64)
        predicted_NQ = np.asarray(predicted, dtype=np.float64)
        levels_Q = np.asarray(levels, dtype=np.float64)
        if truth_N.ndim != 1 or predicted_NQ.shape != (len(truth_N), *np.shape(np.ravel(levels_Q))):
            raise ShapeError(
                f"metrics of quantiles: got a truth of shape {truth_N.shape}, predictions of shape "
                f"{predicted_NQ.shape} and levels of shape {levels_Q.shape}; expected [N], [N, Q] "
                "and [Q]. Give one column per level."
            )
        ends = np.concatenate(([0.0], np.ravel(levels_Q), [1.0]))
        if levels_Q.ndim != 1 or not len(levels_Q) or not (np.diff(ends) > 0).all():
            raise DataError(
                f"metrics of quantiles: got the levels {levels_Q.tolist()}; expected at least one, "
                "each above the last, between 0 and 1. Sort them, and their columns with them."
            )
        weights_N, (truth_N, predicted_NQ) = counted(weights, truth_N, predicted_NQ)
        return cls(truth_N, predicted_NQ, levels_Q, weights_N)

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.truth, self.predicted)

    @property
    def losses(self) -> Floats:
        """The pinball loss of every quantile, [N, Q]: α·r above it, (α − 1)·r below."""
        residual = self.truth[:, None] - self.predicted
        return np.maximum(self.levels * residual, (self.levels - 1) * residual)

    @property
    def nominal(self) -> float:
        """The share of rows that should lie between the outermost quantiles; 0 if there is one."""
        return float(self.levels[-1] - self.levels[0])


@metric("pinball", "quantiles", better="lower", other_spellings=("quantile_loss",))
def pinball(rows: Quantiles) -> float:
    """Mean of max(α·r, (α − 1)·r) over rows and levels; least where α of the truths are below q.

    Reference: Koenker and Bassett, Regression Quantiles (1978).
    """
    return weighted_mean(rows.losses.mean(axis=1), rows.weights)


@metric(
    "crps_quantiles",
    "quantiles",
    better="lower",
    other_spellings=("weighted_interval_score", "wis"),
)
def crps_quantiles(rows: Quantiles) -> float:
    """Twice the pinball loss, integrated over the levels: the CRPS, from its quantiles.

        2·Σ_q (a_{q+½} − a_{q−½})·loss_q

    Each level stands for those nearer to it than to any other, so the bounds a lie halfway between
    levels, the first at 0 and the last at 1. With quantiles of the levels (q − ½)/Q it is exactly
    `crps_samples` of the same numbers.

    Reference: Gneiting and Ranjan, Comparing Density Forecasts (2011).
    """
    middles = (rows.levels[1:] + rows.levels[:-1]) / 2
    span = np.diff(np.concatenate(([0.0], middles, [1.0])))
    return weighted_mean(2 * rows.losses @ span, rows.weights)


@metric(
    "interval_coverage",
    "quantiles",
    better="higher",
    other_spellings=("coverage", "picp"),
)
def interval_coverage(rows: Quantiles) -> float:
    """Share of truths from the lowest to the highest quantile, both included; NaN if there is one.

    More is better up to what the levels promise, which is what `coverage_error` holds it against.
    """
    if len(rows.levels) < 2:
        return math.nan
    inside = (rows.predicted[:, 0] <= rows.truth) & (rows.truth <= rows.predicted[:, -1])
    return weighted_mean(inside.astype(np.float64), rows.weights)


@metric("coverage_error", "quantiles", better="lower")
def coverage_error(rows: Quantiles) -> float:
    """How far `interval_coverage` is from the share promised, α_Q − α_1."""
    return abs(interval_coverage(rows) - rows.nominal)


@metric("interval_width", "quantiles", better="lower", other_spellings=("mpiw", "sharpness"))
def interval_width(rows: Quantiles) -> float:
    """Mean distance from the lowest to the highest quantile; NaN if there is one."""
    if len(rows.levels) < 2:
        return math.nan
    return weighted_mean(rows.predicted[:, -1] - rows.predicted[:, 0], rows.weights)


@metric("interval_score", "quantiles", better="lower", other_spellings=("winkler_score",))
def interval_score(rows: Quantiles) -> float:
    """Width of the interval, and a fine for each truth outside: coverage and sharpness in one.

        mean of (u − l) + (l − y)⁺/α_1 + (y − u)⁺/(1 − α_Q)

    with l and u the lowest and the highest quantile; NaN if there is one.

    Reference: Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation
    (2007), 6.2.
    """
    if len(rows.levels) < 2:
        return math.nan
    lower, upper = rows.predicted[:, 0], rows.predicted[:, -1]
    below = np.maximum(lower - rows.truth, 0.0) / rows.levels[0]
    above = np.maximum(rows.truth - upper, 0.0) / (1 - rows.levels[-1])
    return weighted_mean(upper - lower + below + above, rows.weights)
