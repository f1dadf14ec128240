"""Metrics against scikit-learn's and SciPy's, on drawn rows with ties and weights."""

from __future__ import annotations

import warnings

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ranvier.core.task import Task
from ranvier.metrics import compute, confusion_matrix, roc_curve

# A class that truth or decision lacks makes scikit-learn warn; the number is still to be the same.
pytestmark = pytest.mark.filterwarnings("ignore")

TWO = Task("classification", "label", ("no", "yes"))
MORE = Task("classification", "label", ("a", "b", "c", "d"))
NUMBER = Task("regression", "number")


def positive(array):
    return array[:, 1]


def same(array):
    return array


def decided(array):
    return array.argmax(axis=1)


def top_2(truth, predicted, sample_weight):
    return skm.top_k_accuracy_score(
        truth, predicted, k=2, labels=range(predicted.shape[1]), sample_weight=sample_weight
    )


def macro(score, **options):
    def of(truth, predicted, sample_weight):
        return score(truth, predicted, average="macro", sample_weight=sample_weight, **options)

    return of


def one_vs_rest(truth, predicted, sample_weight):
    return np.mean(
        [
            skm.roc_auc_score(truth == c, predicted[:, c], sample_weight=sample_weight)
            for c in range(predicted.shape[1])
        ]
    )


def one_vs_rest_precision(truth, predicted, sample_weight):
    return np.mean(
        [
            skm.average_precision_score(truth == c, predicted[:, c], sample_weight=sample_weight)
            for c in range(predicted.shape[1])
        ]
    )


def labelled(score):
    def of(truth, predicted, sample_weight):
        labels = range(predicted.shape[1])
        return score(truth, predicted, labels=labels, sample_weight=sample_weight)

    return of


DECISIONS = {
    "accuracy": skm.accuracy_score,
    "balanced_accuracy": skm.balanced_accuracy_score,
    "precision_macro": macro(skm.precision_score),
    "recall_macro": macro(skm.recall_score),
    "f1_macro": macro(skm.f1_score),
    "matthews": skm.matthews_corrcoef,
    "cohen_kappa": skm.cohen_kappa_score,
}
BINARY = {name: (score, decided) for name, score in DECISIONS.items()} | {
    "f1": (skm.f1_score, decided),
    "roc_auc": (skm.roc_auc_score, positive),
    "average_precision": (skm.average_precision_score, positive),
    "log_loss": (labelled(skm.log_loss), same),
    "brier": (skm.brier_score_loss, positive),
}
MULTICLASS = {name: (score, decided) for name, score in DECISIONS.items()} | {
    "roc_auc": (one_vs_rest, same),
    "average_precision": (one_vs_rest_precision, same),
    "log_loss": (labelled(skm.log_loss), same),
    "brier": (labelled(skm.brier_score_loss), same),
}
REGRESSION = {
    "mse": skm.mean_squared_error,
    "rmse": skm.root_mean_squared_error,
    "mae": skm.mean_absolute_error,
    "median_absolute_error": skm.median_absolute_error,
    "mape": skm.mean_absolute_percentage_error,
    "r2": skm.r2_score,
    "explained_variance": skm.explained_variance_score,
}


@st.composite
def classified(draw, num_classes: int, *, every_class: bool = True):
    """Truth, probabilities on a coarse grid so that many are level, and weights or None."""
    num_rows = draw(st.integers(2 * num_classes, 60))
    truth = draw(hnp.arrays(np.int64, num_rows, elements=st.integers(0, num_classes - 1)))
    if every_class:
        truth[:num_classes] = np.arange(num_classes)
    grid = draw(hnp.arrays(np.int64, (num_rows, num_classes), elements=st.integers(0, 4)))
    grid[grid.sum(axis=1) == 0] = 1
    weights = draw(st.none() | hnp.arrays(np.float64, num_rows, elements=st.floats(0.01, 100)))
    return truth, grid / grid.sum(axis=1, keepdims=True), weights


def values(num_rows: int):
    return hnp.arrays(np.float64, num_rows, elements=st.floats(-1e6, 1e6, width=32))


@st.composite
def regressed(draw):
    num_rows = draw(st.integers(2, 60))
    truth, predicted = draw(values(num_rows)), draw(values(num_rows))
    truth[0], truth[1] = 5.0, 500.0
    predicted[0], predicted[1] = -3.0, 77.0
    weights = draw(st.none() | hnp.arrays(np.float64, num_rows, elements=st.floats(0.01, 100)))
    return truth, predicted, weights


def assert_same(task, table, truth, predicted, weights):
    ours = compute(task, truth, predicted, weights=weights, names=table)
    for name, (score, view) in table.items():
        theirs = score(truth, view(predicted), sample_weight=weights)
        assert ours[name] == pytest.approx(theirs, rel=1e-9, abs=1e-9), name


@settings(max_examples=80, deadline=None)
@given(classified(2))
def test_two_classes_score_as_in_scikit_learn(rows):
    assert_same(TWO, BINARY, *rows)


@settings(max_examples=80, deadline=None)
@given(classified(4))
def test_more_classes_score_as_in_scikit_learn(rows):
    assert_same(MORE, MULTICLASS, *rows)


@settings(max_examples=100, deadline=None)
@given(classified(4, every_class=False))
def test_absent_classes_count_as_in_scikit_learn(rows):
    truth, predicted, weights = rows
    names = ["accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro",
             "log_loss", "brier"]  # fmt: skip
    assert_same(MORE, {name: MULTICLASS[name] for name in names}, truth, predicted, weights)


@settings(max_examples=100, deadline=None)
@given(classified(4))
def test_the_confusion_matrix_is_scikit_learns(rows):
    truth, predicted, weights = rows
    ours = confusion_matrix(MORE, truth, predicted, weights=weights)
    theirs = skm.confusion_matrix(truth, decided(predicted), labels=range(4), sample_weight=weights)
    np.testing.assert_allclose(ours["counts"], theirs, rtol=1e-12)


def test_top_2_accuracy_is_scikit_learns_where_none_are_level():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 200), rng.dirichlet(np.ones(4), 200)
    weights = rng.random(200)
    ours = compute(MORE, truth, predicted, weights=weights, names=["top_2_accuracy"])
    assert ours["top_2_accuracy"] == pytest.approx(top_2(truth, predicted, weights))


def test_the_roc_points_lie_on_scikit_learns_curve():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 5000)
    score = np.clip(truth * 0.2 + rng.random(5000) * 0.8, 0, 1)
    ours = roc_curve(TWO, truth, np.stack([1 - score, score], axis=1))
    x, y, _ = skm.roc_curve(truth, score, drop_intermediate=False)
    theirs = {(round(a, 12), round(b, 12)) for a, b in zip(x, y, strict=True)}
    points = list(zip(ours["false_positive_rate"], ours["true_positive_rate"], strict=True))
    assert {(round(a, 12), round(b, 12)) for a, b in points} <= theirs
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert 150 <= len(points) <= 200
    area = np.trapezoid(ours["true_positive_rate"], ours["false_positive_rate"])
    assert area == pytest.approx(skm.roc_auc_score(truth, score), abs=1e-3)


@settings(max_examples=100, deadline=None)
@given(regressed())
def test_numbers_score_as_in_scikit_learn(rows):
    table = {name: (score, same) for name, score in REGRESSION.items()}
    assert_same(NUMBER, table, *rows)


@settings(max_examples=100, deadline=None)
@given(regressed())
def test_correlations_are_scipys(rows):
    truth, predicted, _ = rows
    ours = compute(NUMBER, truth, predicted, names=["pearson", "spearman"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pearson = stats.pearsonr(truth, predicted).statistic
        spearman = stats.spearmanr(truth, predicted).statistic
    assert ours["pearson"] == pytest.approx(pearson, abs=1e-9)
    assert ours["spearman"] == pytest.approx(spearman, abs=1e-9)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_metrics_of_any_number_of_classes_are_scikit_learns(is_weighted):
    rng = np.random.default_rng(5)
    truth, given = rng.integers(0, 2, (60, 4)), rng.random((60, 4))
    weights = rng.uniform(0.1, 3, 60) if is_weighted else None
    decided, options = (given > 0.5).astype(int), {"sample_weight": weights}
    columns = list(zip(truth.T, given.T, strict=True))
    theirs = {
        "f1_macro": skm.f1_score(truth, decided, average="macro", **options),
        "f1_micro": skm.f1_score(truth, decided, average="micro", **options),
        "precision_macro": skm.precision_score(truth, decided, average="macro", **options),
        "recall_macro": skm.recall_score(truth, decided, average="macro", **options),
        "average_precision": skm.average_precision_score(truth, given, **options),
        "roc_auc": skm.roc_auc_score(truth, given, **options),
        "accuracy": skm.accuracy_score(truth, decided, **options),
        "hamming_loss": skm.hamming_loss(truth, decided, **options),
        "iou_macro": skm.jaccard_score(truth, decided, average="macro", **options),
        "log_loss": np.mean([skm.log_loss(t, p, **options) for t, p in columns]),
        "brier": np.mean([skm.brier_score_loss(t, p, **options) for t, p in columns]),
    }
    task = Task("multilabel", "tags", tuple("abcd"))
    ours = compute(task, truth, given, weights=weights)
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-12)
    assert {*ours} - {*theirs} == {"expected_calibration_error"}
