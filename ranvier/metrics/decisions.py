"""Metrics of the class that was decided on; all but top-k need only the confusion matrix.

t_c is the weight of the rows whose true class is c, p_c of those given class c, k_cc of both, and
n of all.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Classified, Floats, weighted_mean


def _margins(rows: Classified) -> tuple[Floats, Floats, Floats]:
    """(k_cc, t_c, p_c), [C] each."""
    confusion = rows.confusion
    return confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@metric("accuracy", "classification", better="higher", other_spellings=("accuracy_score", "acc"))
def accuracy(rows: Classified) -> float:
    """Share of rows given their true class: Σ_c k_cc / n."""
    return float(rows.confusion.trace() / rows.confusion.sum())


@metric(
    "balanced_accuracy",
    "classification",
    better="higher",
    other_spellings=("balanced_accuracy_score",),
)
def balanced_accuracy(rows: Classified) -> float:
    """Mean over the classes in the truth of the share that was found: mean of k_cc / t_c."""
    hit, true, _ = _margins(rows)
    return float((hit[true > 0] / true[true > 0]).mean())


def _macro(rows: Classified, part: Floats, whole: Floats) -> float:
    """The mean of part / whole over the classes that occur in the truth or the predictions."""
    _, true, predicted = _margins(rows)
    return float(_ratio(part, whole)[(true > 0) | (predicted > 0)].mean())


@metric("precision_macro", "classification", better="higher")
def precision_macro(rows: Classified) -> float:
    """Mean over classes of k_cc / p_c; 0 for a class that was never predicted."""
    hit, _, predicted = _margins(rows)
    return _macro(rows, hit, predicted)


@metric("recall_macro", "classification", better="higher")
def recall_macro(rows: Classified) -> float:
    """Mean over classes of k_cc / t_c; 0 for one that was predicted but is not in the truth."""
    hit, true, _ = _margins(rows)
    return _macro(rows, hit, true)


@metric("f1_macro", "classification", better="higher")
def f1_macro(rows: Classified) -> float:
    """Mean over classes of 2·k_cc / (t_c + p_c), the harmonic mean of precision and recall."""
    hit, true, predicted = _margins(rows)
    return _macro(rows, 2 * hit, true + predicted)


@metric("f1", "classification", better="higher", classes=range(2, 3), other_spellings=("f1_score",))
def f1(rows: Classified) -> float:
    """2·k₁₁ / (t₁ + p₁) of the second of two classes; NaN where it neither is nor was predicted."""
    hit, true, predicted = _margins(rows)
    whole = true[1] + predicted[1]
    return float(2 * hit[1] / whole) if whole else math.nan


@metric(
    "matthews",
    "classification",
    better="higher",
    other_spellings=("matthews_corrcoef", "mcc", "phi"),
)
def matthews(rows: Classified) -> float:
    """Correlation of truth and decision: 0 is chance, however unequal the classes.

        (n·Σ_c k_cc − Σ_c t_c·p_c) / √((n² − Σ_c t_c²)(n² − Σ_c p_c²))

    NaN where the truth has one class, 0 where the decisions have.

    Reference: Gorodkin, Comparing two K-category assignments by a K-category correlation
    coefficient (2004).
    """
    hit, true, predicted = _margins(rows)
    if (true > 0).sum() < 2:
        return math.nan
    if (predicted > 0).sum() < 2:
        return 0.0
    n = true.sum()
    # Shares instead of weights, so that the products of large weights do not overflow.
    hit, true, predicted = hit / n, true / n, predicted / n
    covariance = hit.sum() - true @ predicted
    spread = (1 - true @ true) * (1 - predicted @ predicted)
    return float(np.divide(covariance, math.sqrt(spread)))


@metric(
    "cohen_kappa",
    "classification",
    better="higher",
    other_spellings=("cohen_kappa_score", "kappa"),
)
def cohen_kappa(rows: Classified) -> float:
    """Agreement beyond chance: (a − e) / (1 − e), with a = Σ k_cc / n and e = Σ t_c·p_c / n².

    NaN where truth and decisions are one and the same class throughout.

    Reference: Cohen, A Coefficient of Agreement for Nominal Scales (1960).
    """
    hit, true, predicted = _margins(rows)
    if ((true > 0) | (predicted > 0)).sum() < 2:
        return math.nan
    n = true.sum()
    expected = (true / n) @ (predicted / n)
    return float(np.divide(hit.sum() / n - expected, 1 - expected))


def _top_k_accuracy(rows: Classified, k: int) -> float:
    mine = rows.probability_of_truth[:, None]
    ahead = (rows.probabilities > mine).sum(axis=1)
    # Level classes go by their order, as in `predicted`, so that top 1 is the accuracy.
    earlier = np.arange(rows.num_classes) < rows.truth[:, None]
    ahead += ((rows.probabilities == mine) & earlier).sum(axis=1)
    return weighted_mean((ahead < k).astype(np.float64), rows.weights)


@metric("top_2_accuracy", "classification", better="higher", classes=range(3, sys.maxsize))
def top_2_accuracy(rows: Classified) -> float:
    """Share of rows whose true class is among the two most probable."""
    return _top_k_accuracy(rows, 2)


@metric("top_5_accuracy", "classification", better="higher", classes=range(6, sys.maxsize))
def top_5_accuracy(rows: Classified) -> float:
    """Share of rows whose true class is among the five most probable."""
    return _top_k_accuracy(rows, 5)
