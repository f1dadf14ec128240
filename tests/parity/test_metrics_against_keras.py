"""Metrics against Keras's on the same numbers, with and without weights.

Keras accumulates in float32, so agreement is to its rounding. Where a convention differs, the test
says in its name what Keras does, and takes the difference out.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest

from ranvier.core.task import Task
from ranvier.metrics import Masks, Regressed, compute, f_beta, per_class, rows_of, score

# Building one of Keras's metrics may warn of how torch shows its arrays.
pytestmark = pytest.mark.filterwarnings("ignore")

TWO = Task("classification", "label", ("no", "yes"))
MORE = Task("classification", "label", ("a", "b", "c", "d", "e", "f", "g"))
NUMBER = Task("regression", "number")
WEIGHTED = pytest.mark.parametrize("is_weighted", [False, True])
ROUNDING = {"rel": 2e-6, "abs": 2e-6}
M = keras.metrics


def of_keras(metric, truth, predicted, weights=None) -> np.ndarray:
    metric.update_state(truth, predicted, sample_weight=weights)
    return keras.ops.convert_to_numpy(metric.result())


def drawn_weights(rng, num_rows: int, *, is_weighted: bool):
    return rng.uniform(0.1, 3, num_rows) if is_weighted else None


@WEIGHTED
@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("mse", M.MeanSquaredError),
        ("rmse", M.RootMeanSquaredError),
        ("mae", M.MeanAbsoluteError),
        ("r2", M.R2Score),
    ],
)
def test_errors_are_keras(name, metric, is_weighted):
    rng = np.random.default_rng(0)
    truth = rng.normal(2, 1, 50)
    predicted = truth + rng.normal(size=50)
    weights = drawn_weights(rng, 50, is_weighted=is_weighted)
    theirs = of_keras(metric(), truth[:, None], predicted[:, None], weights)
    ours = compute(NUMBER, truth, predicted, weights=weights, names=[name])
    assert ours[name] == pytest.approx(float(theirs), **ROUNDING)


@WEIGHTED
def test_keras_counts_percentages_in_hundreds(is_weighted):
    rng = np.random.default_rng(1)
    truth, predicted = rng.uniform(1, 3, 40), rng.uniform(1, 3, 40)
    weights = drawn_weights(rng, 40, is_weighted=is_weighted)
    metric = M.MeanAbsolutePercentageError()
    theirs = of_keras(metric, truth[:, None], predicted[:, None], weights)
    ours = compute(NUMBER, truth, predicted, weights=weights, names=["mape"])
    assert 100 * ours["mape"] == pytest.approx(float(theirs), rel=2e-6)


@pytest.mark.parametrize(
    ("name", "metric"), [("pearson", M.PearsonCorrelation), ("concordance", M.ConcordanceCorrelation)]
)  # fmt: skip
def test_keras_correlates_along_one_axis_and_takes_the_mean_over_the_other(name, metric):
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(4, 25))
    predicted = 0.5 * truth + rng.normal(size=(4, 25)) + 0.3
    theirs = of_keras(metric(axis=-1), truth, predicted)
    each = [
        score(Regressed(y, p, np.ones(25)), names=[name])[name]
        for y, p in zip(truth, predicted, strict=True)
    ]
    assert np.mean(each) == pytest.approx(float(theirs), rel=1e-5)


@WEIGHTED
def test_decisions_between_two_classes_are_keras(is_weighted):
    rng = np.random.default_rng(3)
    truth, chance = rng.integers(0, 2, 60), rng.random(60)
    weights = drawn_weights(rng, 60, is_weighted=is_weighted)
    ours = compute(
        TWO, truth, np.stack([1 - chance, chance], axis=1), weights=weights,
        names=["accuracy", "precision", "recall", "log_loss", "f1"],
    )  # fmt: skip
    column, scores = truth[:, None], chance[:, None]
    theirs = {
        "accuracy": of_keras(M.BinaryAccuracy(), column, scores, weights),
        "precision": of_keras(M.Precision(), column, scores, weights),
        "recall": of_keras(M.Recall(), column, scores, weights),
        "log_loss": of_keras(M.BinaryCrossentropy(), column, scores, weights),
        "f1": of_keras(M.F1Score(threshold=0.5), column.astype(float), scores, weights)[0],
    }
    assert ours == pytest.approx({name: float(value) for name, value in theirs.items()}, **ROUNDING)


@WEIGHTED
def test_decisions_between_more_classes_are_keras(is_weighted):
    rng = np.random.default_rng(4)
    truth, predicted = rng.permutation(np.arange(70) % 7), rng.dirichlet(np.ones(7), 70)
    weights = drawn_weights(rng, 70, is_weighted=is_weighted)
    theirs = {
        "accuracy": of_keras(M.SparseCategoricalAccuracy(), truth, predicted, weights),
        "top_3_accuracy": of_keras(M.SparseTopKCategoricalAccuracy(k=3), truth, predicted, weights),
        "log_loss": of_keras(M.SparseCategoricalCrossentropy(), truth, predicted, weights),
    }
    ours = compute(MORE, truth, predicted, weights=weights, names=theirs)
    assert ours == pytest.approx({name: float(value) for name, value in theirs.items()}, **ROUNDING)


@WEIGHTED
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_f_beta_is_keras(average, beta, is_weighted):
    rng = np.random.default_rng(5)
    truth, predicted = rng.permutation(np.arange(70) % 7), rng.dirichlet(np.ones(7), 70)
    weights = drawn_weights(rng, 70, is_weighted=is_weighted)
    metric = M.FBetaScore(average=average, beta=beta)
    theirs = of_keras(metric, np.eye(7)[truth], predicted, weights)
    ours = f_beta(rows_of(MORE, truth, predicted, weights), beta=beta, average=average)
    assert ours == pytest.approx(float(theirs), **ROUNDING)


def test_keras_counts_a_class_that_never_occurs_as_missed_in_the_mean():
    truth, predicted = np.array([0, 1, 1]), np.array([0, 1, 0])
    theirs = of_keras(M.F1Score(average="macro"), np.eye(3)[truth], np.eye(3)[predicted])
    ours = f_beta(Masks.of(truth, predicted, num_classes=3))
    assert ours * 2 / 3 == pytest.approx(float(theirs), **ROUNDING)


@WEIGHTED
def test_intersections_over_unions_are_keras(is_weighted):
    rng = np.random.default_rng(6)
    truth, predicted = rng.integers(0, 3, (2, 4, 5, 5))
    weights = drawn_weights(rng, 4, is_weighted=is_weighted)
    rows = Masks.of(truth, predicted, num_classes=4, weights=weights)
    # Keras wants a weight for every place, and cuts weights to whole numbers unless told not to.
    of_places = None if weights is None else np.broadcast_to(weights[:, None, None], truth.shape)
    theirs = of_keras(M.MeanIoU(num_classes=4, dtype="float32"), truth, predicted, of_places)
    assert score(rows, names=["iou_macro"])["iou_macro"] == pytest.approx(float(theirs), **ROUNDING)
    for chosen in range(3):
        metric = M.IoU(num_classes=4, target_class_ids=[chosen], dtype="float32")
        theirs = of_keras(metric, truth, predicted, of_places)
        assert per_class(rows)["iou"][chosen] == pytest.approx(float(theirs), **ROUNDING)


def test_places_to_ignore_are_left_out_as_in_keras():
    rng = np.random.default_rng(7)
    truth, predicted = rng.integers(0, 3, (2, 100))
    theirs = of_keras(M.MeanIoU(num_classes=3, ignore_class=2), truth, predicted)
    rows = Masks.of(truth, predicted, num_classes=3, ignore=2)
    assert rows.confusion.sum() == (truth != 2).sum()
    # Both count the class as missed where it is said of a place that is another's.
    assert score(rows, names=["iou_macro"])["iou_macro"] == pytest.approx(float(theirs), **ROUNDING)


@WEIGHTED
def test_keras_approximates_the_area_under_the_roc_curve_by_thresholds(is_weighted):
    rng = np.random.default_rng(8)
    truth, chance = rng.integers(0, 2, 400), rng.integers(0, 100, 400) / 100
    weights = drawn_weights(rng, 400, is_weighted=is_weighted)
    ours = compute(
        TWO, truth, np.stack([1 - chance, chance], axis=1), weights=weights, names=["roc_auc"]
    )
    # Exact where a threshold lies between any two scores; 200 thresholds do not.
    exact = M.AUC(thresholds=list(np.arange(0.005, 1, 0.01)))
    theirs = of_keras(exact, truth[:, None], chance[:, None], weights)
    assert ours["roc_auc"] == pytest.approx(float(theirs), abs=1e-5)
    scarce = of_keras(M.AUC(num_thresholds=5), truth[:, None], chance[:, None], weights)
    assert ours["roc_auc"] != pytest.approx(float(scarce), abs=1e-5)
