"""Metrics of agreement: in value (Lin) and, over all pairs of rows, in order (Kendall, Harrell)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Floats, Regressed, weighted_mean


@metric(
    "concordance",
    "values",
    better="higher",
    other_spellings=("concordance_correlation", "concordance_correlation_coefficient", "ccc"),
)
def concordance(rows: Regressed) -> float:
    """Lin's coefficient, −1 to 1: correlation that a wrong mean or a wrong spread lowers.

        2·Cov(ŷ, y) / (Var(ŷ) + Var(y) + (mean ŷ − mean y)²)

    NaN where the truth is constant, one row included.

    Reference: Lin, A Concordance Correlation Coefficient to Evaluate Reproducibility (1989).
    """
    if rows.is_constant:
        return math.nan
    # In units of the largest number, so that no square over- or underflows.
    unit = max(np.abs(rows.truth).max(), np.abs(rows.predicted).max())
    truth, predicted = rows.truth / unit, rows.predicted / unit
    mean, mean_predicted = (
        weighted_mean(truth, rows.weights),
        weighted_mean(predicted, rows.weights),
    )
    left, right = truth - mean, predicted - mean_predicted
    spread = weighted_mean(left**2 + right**2, rows.weights) + (mean - mean_predicted) ** 2
    return float(np.divide(2 * weighted_mean(left * right, rows.weights), spread))


@dataclass(frozen=True)
class _Pairs:
    """The weight of pairs of rows: in all, level in truth, in prediction, in both, and ordered."""

    all: float
    level_truth: float
    level_predicted: float
    level_both: float
    concordant: float

    @property
    def discordant(self) -> float:
        ordered = self.all - self.level_truth - self.level_predicted + self.level_both
        return ordered - self.concordant


def _pairs_of(rows: Regressed) -> _Pairs:
    """Every pair of rows weighs the product of their weights; O(n log n) in time."""
    _, truth = np.unique(rows.truth, return_inverse=True)
    _, predicted = np.unique(rows.predicted, return_inverse=True)
    # Shares instead of weights, so that the products of large weights do not overflow.
    weights = rows.weights / rows.weights.sum()
    _, both = np.unique(truth * (predicted.max() + 1) + predicted, return_inverse=True)
    # Within one truth the highest prediction comes first, so that such a pair is never concordant.
    order = np.lexsort((-predicted, truth))
    return _Pairs(
        all=_pairs_within(np.zeros_like(truth), weights),
        level_truth=_pairs_within(truth, weights),
        level_predicted=_pairs_within(predicted, weights),
        level_both=_pairs_within(both, weights),
        concordant=_rising_pairs(predicted[order], weights[order]),
    )


def _pairs_within(group: NDArray[np.int64], weights: Floats) -> float:
    """Σ w²/2 over groups: the weight of the pairs within them.

    A row's pair with itself is among them, in every count, and so falls out of their differences.
    """
    of_group = np.bincount(group, weights).astype(np.float64)
    return float(of_group @ of_group / 2)


def _rising_pairs(ranks: NDArray[np.int64], weights: Floats) -> float:
    """The weight of the pairs i < j with rank i < rank j.

    Two ranks compare as the highest bit in which they differ. So for each bit, from the highest:
    in every group of ranks that are alike above it, count the zeros before each one; then let the
    zeros and the ones of each group go on as groups of their own, in the order they have.
    """
    total = 0.0
    for bit in range(int(ranks.max()).bit_length() - 1, -1, -1):
        is_one = (ranks >> bit & 1).astype(np.bool_)
        zeros = np.cumsum(np.where(is_one, 0.0, weights))
        above = ranks >> (bit + 1)
        starts = np.flatnonzero(np.append(True, above[1:] != above[:-1]))
        before_group = np.append(0.0, zeros)[starts]
        zeros -= np.repeat(before_group, np.diff(np.append(starts, len(ranks))))
        total += float(weights[is_one] @ zeros[is_one])
        order = np.argsort(ranks >> bit, kind="stable")
        ranks, weights = ranks[order], weights[order]
    return total


@metric("kendall", "values", better="higher", other_spellings=("kendalltau", "kendall_tau"))
def kendall(rows: Regressed) -> float:
    """Pairs in the right order less pairs in the wrong one, as a share: Kendall's τ_b, −1 to 1.

    NaN where truth or prediction is constant, one row included.

    Reference: Kendall, The Treatment of Ties in Ranking Problems (1945).
    """
    pairs = _pairs_of(rows)
    unequal = (pairs.all - pairs.level_truth) * (pairs.all - pairs.level_predicted)
    if rows.is_constant or rows.predicted.min() == rows.predicted.max():
        return math.nan
    difference = pairs.concordant - pairs.discordant
    return float(np.clip(np.divide(difference, math.sqrt(max(unequal, 0.0))), -1.0, 1.0))


@metric(
    "concordance_index",
    "values",
    better="higher",
    other_spellings=("c_index", "cindex", "concordance_index_censored"),
)
def concordance_index(rows: Regressed) -> float:
    """Chance that of two rows the one with the larger truth is predicted larger; level counts half.

    Harrell's C where nothing is censored. NaN where the truth is constant, one row included.

    Reference: Harrell et al., Evaluating the Yield of Medical Tests (1982).
    """
    if rows.is_constant:
        return math.nan
    pairs = _pairs_of(rows)
    level = pairs.level_predicted - pairs.level_both
    chance = np.divide(pairs.concordant + level / 2, pairs.all - pairs.level_truth)
    return float(np.clip(chance, 0.0, 1.0))
