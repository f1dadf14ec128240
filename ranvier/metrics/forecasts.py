"""Forecasts of series, in units of how hard each series is to forecast.

Dimensions: N series, T values of the past, H of the future, m the season.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ranvier.core.errors import DataError, ShapeError
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Floats, Regressed, Rows, counted, weighted_mean


@dataclass(frozen=True)
class Forecasts(Rows):
    """truth and predicted [N, H], past [N, T] with NaN where there is none, weights [N] above 0."""

    takes: ClassVar[Takes] = "forecasts"
    truth: Floats
    predicted: Floats
    past: Floats
    season: int
    weights: Floats

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        predicted: ArrayLike,
        *,
        past: ArrayLike,
        season: int = 1,
        weights: ArrayLike | None = None,
    ) -> Forecasts:
        """Rows from the future of every series, what was predicted of it, and its past.

        `season` is the number of steps after which a series repeats itself: 12 for months, 1 where
        it does not. Series of unequal length are filled up with NaN in front.

        Raises:
            ShapeError: arrays that do not belong together.
            DataError: a past too short to hold one season and a value.
        """
        given = (truth, predicted, past)
        truth_NH, predicted_NH, past_NT = (np.asarray(a, dtype=np.float64) for a in given)
        fits = truth_NH.ndim == past_NT.ndim == 2 and len(truth_NH) == len(past_NT)
        if not fits or truth_NH.shape != predicted_NH.shape or truth_NH.shape[1] == 0:
            raise ShapeError(
                f"metrics of forecasts: got a truth of shape {truth_NH.shape}, predictions of "
                f"shape {predicted_NH.shape} and a past of shape {past_NT.shape}; expected [N, H], "
                "[N, H] and [N, T]. Give one row per series."
            )
        weights_N, arrays = counted(weights, truth_NH, predicted_NH, past_NT)
        rows = cls(arrays[0], arrays[1], arrays[2], season, weights_N)
        rows._require_seasons()
        return rows

    def _require_seasons(self) -> None:
        is_there = ~np.isnan(self.past)
        is_long_enough = self.season >= 1 and (
            (is_there[:, self.season :] & is_there[:, : -self.season]).any(axis=1).all()
        )
        if not is_long_enough:
            raise DataError(
                f"metrics of forecasts: got a season of {self.season} and a past of "
                f"{self.past.shape[1]} values, at most; expected a season of at least 1, and in "
                "every series two values that are a season apart. Give a longer past, or season=1."
            )

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.truth, self.predicted, self.past[~np.isnan(self.past)])

    @property
    def naive_errors(self) -> Floats:
        """What saying again what was a season ago would have missed by in the past, [N, T − m]."""
        return self.past[:, self.season :] - self.past[:, : -self.season]

    def as_values(self) -> Regressed:
        """Every value forecast as a row of its own, for the metrics that take values."""
        horizon = self.truth.shape[1]
        weights = np.repeat(self.weights, horizon)
        return Regressed(self.truth.ravel(), self.predicted.ravel(), weights)


def _scaled(rows: Forecasts, power: int) -> Floats:
    """Mean of |error|^power in the future over that of the naive forecast in the past, [N]."""
    error = (np.abs(rows.truth - rows.predicted) ** power).mean(axis=1)
    naive = np.nanmean(np.abs(rows.naive_errors) ** power, axis=1)
    return np.divide(error, naive, out=np.full_like(error, np.nan), where=naive > 0)


@metric("mase", "forecasts", better="lower", other_spellings=("mean_absolute_scaled_error",))
def mase(rows: Forecasts) -> float:
    """Mean absolute error in units of the seasonal naive forecast's in the past, mean over series.

        ( Σ_h |y_h − ŷ_h| / H ) / ( Σ_{t>m} |y_t − y_{t−m}| / (T − m) )

    Below 1 the forecast beats saying again what was a season ago. NaN where the past of a series
    never changed.

    Reference: Hyndman and Koehler, Another Look at Measures of Forecast Accuracy (2006).

    >>> mase(Forecasts.of([[6.0, 8.0]], [[5.0, 6.0]], past=[[1.0, 3.0, 2.0, 5.0]]))
    0.75
    """
    return weighted_mean(_scaled(rows, 1), rows.weights)


@metric("rmsse", "forecasts", better="lower", other_spellings=("root_mean_squared_scaled_error",))
def rmsse(rows: Forecasts) -> float:
    """As `mase` with squared errors, and the root of their quotient: large errors count most.

    Reference: Makridakis et al., The M5 Accuracy Competition (2022).
    """
    return weighted_mean(np.sqrt(_scaled(rows, 2)), rows.weights)
