"""Metrics of the probabilities themselves: whether 0.8 means eight times in ten."""

from __future__ import annotations

import numpy as np

from ranvier.metrics.labels import Labels
from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Classified, Floats, weighted_mean

NUM_BINS = 15


@metric(
    "log_loss",
    "probabilities",
    "labels",
    better="lower",
    other_spellings=(
        "cross_entropy",
        "binary_crossentropy",
        "categorical_crossentropy",
        "nll",
        "sparse_categorical_crossentropy",
    ),
)
def log_loss(rows: Classified | Labels) -> float:
    """Mean of −log p(truth), p kept 2.2e-16 away from 0 and 1, so at most 36 a row.

    Of labels p is what each was given where it is there and 1 − that where it is not; the mean is
    over all labels of all rows.
    """
    epsilon = np.finfo(np.float64).eps
    if isinstance(rows, Labels):
        given = np.where(rows.truth, rows.probabilities, 1 - rows.probabilities)
        return weighted_mean(-np.log(np.clip(given, epsilon, 1 - epsilon)).mean(1), rows.weights)
    surprise = -np.log(np.clip(rows.probability_of_truth, epsilon, 1 - epsilon))
    return weighted_mean(surprise, rows.weights)


@metric(
    "brier",
    "probabilities",
    "labels",
    better="lower",
    other_spellings=("brier_score", "brier_score_loss"),
)
def brier(rows: Classified | Labels) -> float:
    """Mean squared distance of the probabilities from the truth.

    With two classes that of the second alone, (p₁ − y)², from 0 to 1; with more the sum over the
    classes, from 0 to 2. Of labels the mean over them, from 0 to 1.

    Reference: Brier, Verification of Forecasts Expressed in Terms of Probability (1950).
    """
    if isinstance(rows, Labels):
        return weighted_mean(((rows.probabilities - rows.truth) ** 2).mean(1), rows.weights)
    if rows.num_classes == 2:
        return weighted_mean((rows.probabilities[:, 1] - rows.truth) ** 2, rows.weights)
    others = np.einsum("nc,nc->n", rows.probabilities, rows.probabilities)
    mine = rows.probability_of_truth
    return weighted_mean(others - mine**2 + (1 - mine) ** 2, rows.weights)


def reliability(
    rows: Classified | Labels, num_bins: int = NUM_BINS
) -> tuple[Floats, Floats, Floats]:
    """Rows put into bins of equal width by confidence: (weight, mean confidence, frequency).

    With two classes the confidence is the probability of the second and the frequency its share
    in the truth; with more they are the probability of the class decided on and how often it was
    right. Of labels every label of every row is put into a bin, by its probability. A bin without
    rows has weight 0, and 0 for the others.
    """
    weights = rows.weights
    if isinstance(rows, Labels):
        confidence, came_true = rows.probabilities.ravel(), rows.truth.ravel()
        weights = np.repeat(weights, rows.num_classes)
    elif rows.num_classes == 2:
        confidence, came_true = rows.probabilities[:, 1], rows.truth == 1
    else:
        confidence = rows.probabilities.max(axis=1)
        came_true = rows.truth == rows.predicted
    bins = np.clip((confidence * num_bins).astype(np.int64), 0, num_bins - 1)
    weight = np.bincount(bins, weights, num_bins).astype(np.float64)
    whole = np.where(weight > 0, weight, 1.0)
    mean_confidence = np.bincount(bins, weights * confidence, num_bins) / whole
    frequency = np.bincount(bins, weights * came_true, num_bins) / whole
    return weight, mean_confidence, frequency


@metric(
    "expected_calibration_error",
    "probabilities",
    "labels",
    better="lower",
    other_spellings=("ece",),
)
def expected_calibration_error(rows: Classified | Labels) -> float:
    """Mean gap between confidence and frequency over the bins of `reliability`, by their weight.

    Reference: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015)
    for two classes; Guo et al., On Calibration of Modern Neural Networks (2017) for more.
    """
    weight, confidence, frequency = reliability(rows)
    return weighted_mean(np.abs(confidence - frequency), weight)


@metric(
    "maximum_calibration_error",
    "probabilities",
    "labels",
    better="lower",
    other_spellings=("mce",),
)
def maximum_calibration_error(rows: Classified | Labels) -> float:
    """Largest gap between confidence and frequency over the bins of `reliability` that hold rows.

    Reference: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015).
    """
    weight, confidence, frequency = reliability(rows)
    return float(np.abs(confidence - frequency)[weight > 0].max())
