"""Metrics of the order that predictions put rows in, wherever the threshold is set.

With two classes the score is the probability of the second. With more, or with labels, each is held
against all others and the mean over them is taken; one that is absent leaves no such number, so the
mean is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ranvier.metrics.labels import Labels
from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Classified, Floats

Curve = tuple[Floats, Floats]


def cumulative(rows: Classified | Labels, positive: int) -> Curve:
    """Weight of the true and of the false positives as the threshold falls past each score.

    Rows of one score pass together, so the curve does not depend on their order.
    """
    score = rows.probabilities[:, positive]
    order = np.argsort(-score, kind="stable")
    descending = score[order]
    last_of_score = np.append(np.flatnonzero(np.diff(descending)), len(order) - 1)
    weights = rows.weights[order]
    is_positive = rows.is_of(positive)[order]
    true_positives = np.cumsum(np.where(is_positive, weights, 0.0))[last_of_score]
    false_positives = np.cumsum(np.where(is_positive, 0.0, weights))[last_of_score]
    return true_positives, false_positives


def _over_classes(rows: Classified | Labels, area: Callable[[Curve], float]) -> float:
    return float(np.mean([area(cumulative(rows, positive)) for positive in rows.ranked]))


@metric(
    "roc_auc",
    "probabilities",
    "labels",
    better="higher",
    other_spellings=("auc", "roc_auc_score", "roc_auc_ovr"),
)
def roc_auc(rows: Classified | Labels) -> float:
    """Chance that a positive row is scored above a negative one, level scores counting half.

    The area under the ROC curve, by trapezoids. NaN where a class is absent from the truth.

    Reference: Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve (1982).
    """

    def area(curve: Curve) -> float:
        true_positives, false_positives = curve
        pairs = true_positives[-1] * false_positives[-1]
        if not pairs:
            return math.nan
        tops = true_positives + np.append(0.0, true_positives[:-1])
        return float(np.diff(false_positives, prepend=0.0) @ tops / (2 * pairs))

    return _over_classes(rows, area)


@metric(
    "average_precision",
    "probabilities",
    "labels",
    better="higher",
    other_spellings=("average_precision_score", "pr_auc", "prc"),
)
def average_precision(rows: Classified | Labels) -> float:
    """Σ (R_i − R_{i−1})·P_i over the thresholds: precision averaged over the gains in recall.

    NaN where there is no positive row.

    Reference: Manning et al., Introduction to Information Retrieval (2008), 8.4.
    """

    def area(curve: Curve) -> float:
        true_positives, false_positives = curve
        if not true_positives[-1]:
            return math.nan
        precision = true_positives / (true_positives + false_positives)
        return float(np.diff(true_positives, prepend=0.0) @ precision / true_positives[-1])

    return _over_classes(rows, area)
