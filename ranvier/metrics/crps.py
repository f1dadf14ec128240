"""The continuous ranked probability score: a whole distribution held against one number.

    CRPS(F, y) = ∫ (F(x) − 1[x ≥ y])² dx = E|X − y| − ½·E|X − X′|

in the unit of y; of a distribution at one point it is the absolute error. `crps_quantiles` is
among the metrics of quantiles. Dimensions: N rows, S samples.

Reference: Matheson and Winkler, Scoring Rules for Continuous Probability Distributions (1976);
Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation (2007), 4.2.
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

_erf = np.frompyfunc(math.erf, 1, 1)


@dataclass(frozen=True)
class Samples(Rows):
    """truth [N], drawn [N, S] of what it might be, weights [N] above 0."""

    takes: ClassVar[Takes] = "samples"
    truth: Floats
    drawn: Floats
    weights: Floats

    @classmethod
    def of(cls, truth: ArrayLike, drawn: ArrayLike, *, weights: ArrayLike | None = None) -> Samples:
        """Rows from the samples drawn for each.

        Raises:
            ShapeError: arrays that do not belong together, or no sample.

        >>> crps_samples(Samples.of([0.0], [[1.0, 3.0]]))
        1.5
        """
        truth_N, drawn_NS = np.asarray(truth, dtype=float), np.asarray(drawn, dtype=float)
        fits = drawn_NS.ndim == 2 and truth_N.shape == drawn_NS.shape[:1]
        if not fits or drawn_NS.shape[1] == 0:
            raise ShapeError(
                f"metrics of samples: got a truth of shape {truth_N.shape} and samples of shape "
                f"{drawn_NS.shape}; expected [N] and [N, S]. Draw the same number for every row."
            )
        weights_N, (truth_N, drawn_NS) = counted(weights, truth_N, drawn_NS)
        return cls(truth_N, drawn_NS, weights_N)

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.truth, self.drawn)


@dataclass(frozen=True)
class Gaussians(Rows):
    """truth [N], mean [N] and standard deviation [N] above 0, weights [N] above 0."""

    takes: ClassVar[Takes] = "gaussians"
    truth: Floats
    mean: Floats
    standard_deviation: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        mean: ArrayLike,
        standard_deviation: ArrayLike,
        *,
        weights: ArrayLike | None = None,
    ) -> Gaussians:
        """Rows from the mean and the standard deviation predicted for each.

        Raises:
            ShapeError: arrays that do not belong together.
            DataError: a standard deviation below 0; at 0 the distribution is its mean.
        """
        given = (truth, mean, standard_deviation)
        arrays = tuple(np.asarray(array, dtype=np.float64) for array in given)
        if arrays[0].ndim != 1 or len({array.shape for array in arrays}) > 1:
            raise ShapeError(
                "metrics of gaussians: got a truth, means and standard deviations of the shapes "
                f"{', '.join(str(array.shape) for array in arrays)}; expected [N] for all. "
                "Give one of each per row."
            )
        bad = np.flatnonzero(arrays[2] < 0)
        if len(bad):
            raise DataError(
                f"metrics of gaussians: row {bad[0]} has the standard deviation "
                f"{arrays[2][bad[0]]}; expected at least 0. If it is a logarithm, give exp of it."
            )
        weights_N, (truth_N, mean_N, deviation_N) = counted(weights, *arrays)
        return cls(truth_N, mean_N, deviation_N, weights_N)

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.truth, self.mean, self.standard_deviation)


@metric("crps_samples", "samples", better="lower", other_spellings=("crps", "crps_ensemble"))
def crps_samples(rows: Samples, *, is_fair: bool = False) -> float:
    """CRPS of the distribution that has 1/S on each sample, mean over rows; O(S log S) a row.

    `is_fair` takes the mean of |X − X′| over pairs of different samples, which makes it an unbiased
    estimate of the score of the distribution they were drawn from; it wants two samples or more,
    else it is NaN.

    Reference: Ferro, Fair Scores for Ensemble Forecasts (2014).
    """
    num_samples = rows.drawn.shape[1]
    if is_fair and num_samples < 2:
        return math.nan
    # Of sorted samples, Σ_i Σ_j |x_i − x_j| = 2·Σ_i (2i − S − 1)·x_i. The distance from the truth
    # keeps the sum small where all samples are large.
    distance = np.sort(rows.drawn - rows.truth[:, None], axis=1)
    rank = 2 * np.arange(1, num_samples + 1) - num_samples - 1.0
    pairs = num_samples * (num_samples - 1 if is_fair else num_samples)
    spread = distance @ rank / pairs
    return weighted_mean(np.abs(distance).mean(axis=1) - spread, rows.weights)


@metric("crps_gaussian", "gaussians", better="lower", other_spellings=("crps_normal",))
def crps_gaussian(rows: Gaussians) -> float:
    """CRPS of normal distributions, mean over rows, in closed form with z = (y − μ)/σ.

        σ·( z·(2Φ(z) − 1) + 2φ(z) − 1/√π )

    Reference: Gneiting et al., Calibrated Probabilistic Forecasting Using Ensemble Model Output
    Statistics and Minimum CRPS Estimation (2005), equation 5.
    """
    error, deviation = rows.truth - rows.mean, rows.standard_deviation
    # A width of 0 leaves |y − μ|, as the limit does: z·(2Φ(z) − 1)·σ with z infinite.
    z = np.divide(
        error, deviation, out=np.copysign(np.full_like(error, np.inf), error), where=deviation > 0
    )
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    signed = np.asarray(_erf(z / math.sqrt(2)), dtype=np.float64)
    each = error * signed + deviation * (2 * density - 1 / math.sqrt(math.pi))
    return weighted_mean(each, rows.weights)
