"""Metrics of the class that was decided on; all but top-k need only the confusion matrix.

t_c is the weight of the rows whose true class is c, p_c of those given class c, k_cc of both, and
n of all.
"""

from __future__ import annotations

import math
import sys
from functools import partial

import numpy as np

from ranvier.metrics.labels import Labels
from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Classified, Exclusive, weighted_mean
from ranvier.metrics.texts.texts import Texts


@metric(
    "accuracy",
    "probabilities",
    "masks",
    "labels",
    better="higher",
    other_spellings=(
        "accuracy_score",
        "acc",
        "binary_accuracy",
        "categorical_accuracy",
        "pixel_accuracy",
        "sparse_categorical_accuracy",
    ),
)
def accuracy(rows: Exclusive | Labels) -> float:
    """Share of rows given their true class: Σ_c k_cc / n. Of labels, of rows right in every one."""
    if isinstance(rows, Labels):
        return exact_match(rows)
    return float(rows.confusion.trace() / rows.confusion.sum())


@metric(
    "balanced_accuracy",
    "probabilities",
    "masks",
    better="higher",
    other_spellings=("balanced_accuracy_score",),
)
def balanced_accuracy(rows: Exclusive) -> float:
    """Mean over the classes in the truth of the share that was found: mean of k_cc / t_c."""
    hit, true, _ = rows.margins
    return float((hit[true > 0] / true[true > 0]).mean())


@metric(
    "matthews",
    "probabilities",
    "masks",
    better="higher",
    other_spellings=("matthews_corrcoef", "mcc", "phi"),
)
def matthews(rows: Exclusive) -> float:
    """Correlation of truth and decision: 0 is chance, however unequal the classes.

        (n·Σ_c k_cc − Σ_c t_c·p_c) / √((n² − Σ_c t_c²)(n² − Σ_c p_c²))

    NaN where the truth has one class, 0 where the decisions have.

    Reference: Gorodkin, Comparing two K-category assignments by a K-category correlation
    coefficient (2004).
    """
    hit, true, predicted = rows.margins
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
    "probabilities",
    "masks",
    better="higher",
    other_spellings=("cohen_kappa_score", "kappa"),
)
def cohen_kappa(rows: Exclusive) -> float:
    """Agreement beyond chance: (a − e) / (1 − e), with a = Σ k_cc / n and e = Σ t_c·p_c / n².

    NaN where truth and decisions are one and the same class throughout.

    Reference: Cohen, A Coefficient of Agreement for Nominal Scales (1960).
    """
    hit, true, predicted = rows.margins
    if ((true > 0) | (predicted > 0)).sum() < 2:
        return math.nan
    n = true.sum()
    expected = (true / n) @ (predicted / n)
    return float(np.divide(hit.sum() / n - expected, 1 - expected))


def _weighted_kappa(rows: Exclusive, power: int) -> float:
    order = np.arange(rows.num_classes)
    distance_CC = np.abs(order[:, None] - order).astype(np.float64) ** power
    confusion = rows.confusion / rows.confusion.sum()
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0))
    by_chance = (distance_CC * expected).sum()
    return float(1 - (distance_CC * confusion).sum() / by_chance) if by_chance else math.nan


@metric("linear_kappa", "probabilities", "masks", better="higher")
def linear_kappa(rows: Exclusive) -> float:
    """As `quadratic_kappa`, a decision d classes away counting d."""
    return _weighted_kappa(rows, 1)


@metric(
    "quadratic_kappa",
    "probabilities",
    "masks",
    better="higher",
    other_spellings=("quadratic_weighted_kappa", "qwk"),
)
def quadratic_kappa(rows: Exclusive) -> float:
    """Agreement beyond chance on classes in order, a decision d classes away counting d².

        1 − Σ_ij (i − j)²·k_ij / Σ_ij (i − j)²·t_i·p_j / n

    NaN where truth and decisions are one and the same class throughout.

    Reference: Cohen, Weighted Kappa (1968).
    """
    return _weighted_kappa(rows, 2)


@metric("exact_match", "labels", "texts", better="higher", other_spellings=("subset_accuracy",))
def exact_match(rows: Labels | Texts) -> float:
    """Share of rows that are right in every label, or whose text is one of its references."""
    return weighted_mean(rows.exactly_right.astype(np.float64), rows.weights)


def top_k_accuracy(rows: Classified, *, k: int) -> float:
    """Share of rows whose true class is among the k most probable."""
    mine = rows.probability_of_truth[:, None]
    ahead = (rows.probabilities > mine).sum(axis=1)
    # Level classes go by their order, as in `predicted`, so that top 1 is the accuracy.
    earlier = np.arange(rows.num_classes) < rows.truth[:, None]
    ahead += ((rows.probabilities == mine) & earlier).sum(axis=1)
    return weighted_mean((ahead < k).astype(np.float64), rows.weights)


for _k in (2, 3, 5, 10):
    metric(
        f"top_{_k}_accuracy",
        "probabilities",
        better="higher",
        classes=range(_k + 1, sys.maxsize),
        other_spellings=("top_k_categorical_accuracy",) if _k == 5 else (),
    )(partial(top_k_accuracy, k=_k))
