from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from ranvier.core.errors import ConfigError, DataError, ShapeError, UnknownNameError
from ranvier.core.task import Task
from ranvier.metrics import METRICS, baseline, compute, higher_is_better, primary_metric

TWO = Task("classification", "label", ("no", "yes"))
THREE = Task("classification", "label", ("a", "b", "c"))
NUMBER = Task("regression", "price")


def test_metrics_come_in_the_order_asked():
    scores = compute(NUMBER, [1.0, 2.0, 4.0], [1.0, 2.0, 2.0], names=["r2", "mae", "mse"])
    assert list(scores) == ["r2", "mae", "mse"]
    assert scores["mae"] == pytest.approx(2 / 3)


def test_every_default_metric_of_the_worked_example_is_right():
    # Three rows of weight 1, 2 and 1; the second, of class yes, is taken for no.
    truth, weights = [0, 1, 1], [1, 2, 1]
    predicted = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    scores = compute(TWO, truth, predicted, weights=weights)
    assert scores["accuracy"] == pytest.approx(2 / 4)
    assert scores["balanced_accuracy"] == pytest.approx((1 + 1 / 3) / 2)
    assert scores["f1"] == pytest.approx(2 * 1 / (3 + 1))
    assert scores["roc_auc"] == 1.0
    expected = -(math.log(0.9) + 2 * math.log(0.4) + math.log(0.8)) / 4
    assert scores["log_loss"] == pytest.approx(expected)
    assert scores["brier"] == pytest.approx((0.01 + 2 * 0.36 + 0.04) / 4)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["acuracy"], UnknownNameError, "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        (["auc"], UnknownNameError, "unknown metric 'auc'. Here it is called 'roc_auc'."),
        (
            ["f1"],
            ConfigError,
            "metric 'f1': it does not fit 'label', a classification into 3 classes. Known: 'accu",
        ),
        (["r2"], ConfigError, "metric 'r2': it does not fit 'label', a classification into 3"),
    ],
)
def test_a_metric_that_is_not_there_or_does_not_fit_is_refused_in_words(names, error, message):
    with pytest.raises(error) as caught:
        compute(THREE, [0, 1, 2], np.eye(3), names=names)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("task", "truth", "predicted", "weights", "error", "message"),
    [
        (
            THREE, [0, 1], np.eye(2), None, ShapeError,
            ("metrics of 'label': got a truth of shape (2,) and predictions of shape (2, 2); "
            "expected [N] and [N, C], predictions of shape (2, 3). Give one prediction per row, "
            "with a probability per class."),
        ),
        (
            NUMBER, [0.0, 1.0], np.zeros((2, 1)), None, ShapeError,
            ("metrics of 'price': got a truth of shape (2,) and predictions of shape (2, 1); "
            "expected [N] for both, predictions of shape (2,). Give one prediction per row."),
        ),
        (
            NUMBER, [0.0, 1.0], [0.0, 1.0], [1.0], ShapeError,
            ("metrics: got weights of shape (1,) for 2 rows; expected [N] = (2,). "
            "Give one weight per row."),
        ),
        (
            NUMBER, [0.0, 1.0], [0.0, 1.0], [1.0, -2.0], DataError,
            ("metrics: row 1 has the weight -2.0; expected a finite number of at least 0. "
            "Mend the weights, or leave them out."),
        ),
        (
            THREE, [0, 3], np.eye(3)[:2], None, DataError,
            ("metrics of 'label': row 1 has the class index 3; expected 0 to 2. "
            "Give the truth as positions in the task's classes."),
        ),
    ],
)  # fmt: skip
def test_arrays_that_do_not_belong_together_are_refused_in_words(
    task, truth, predicted, weights, error, message
):
    with pytest.raises(error) as caught:
        compute(task, truth, predicted, weights=weights)
    assert str(caught.value) == message


def test_a_constant_truth_leaves_no_share_to_explain():
    scores = compute(NUMBER, [0.1] * 5, [0.1, 0.2, 0.3, 0.2, 0.1])
    undefined = {name for name, value in scores.items() if math.isnan(value)}
    assert undefined == {"r2", "explained_variance", "pearson", "spearman"}


def test_one_row_has_an_error_and_nothing_else():
    scores = compute(NUMBER, [2.0], [3.0])
    assert {name for name, value in scores.items() if not math.isnan(value)} == {
        "rmse",
        "mae",
        "median_absolute_error",
    }


def test_constant_predictions_do_not_correlate_with_anything():
    scores = compute(NUMBER, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert math.isnan(scores["pearson"])
    assert math.isnan(scores["spearman"])
    assert scores["r2"] == 0.0


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e308])
def test_correlation_does_not_hang_on_the_scale(scale):
    truth = scale * np.array([1.0, -1.0, 0.5, 0.7])
    scores = compute(NUMBER, truth, truth[::-1], names=["pearson", "spearman"])
    expected = np.corrcoef([1.0, -1.0, 0.5, 0.7], [0.7, 0.5, -1.0, 1.0])[0, 1]
    assert scores["pearson"] == pytest.approx(expected)


def test_a_truth_of_one_class_has_no_ranking_and_no_correlation():
    scores = compute(TWO, [0, 0, 0], [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
    undefined = {name for name, value in scores.items() if math.isnan(value)}
    assert undefined == {"roc_auc", "average_precision", "matthews"}
    assert scores["accuracy"] == pytest.approx(2 / 3)
    all_right = compute(TWO, [0, 0], [[0.9, 0.1], [0.8, 0.2]], names=["f1", "cohen_kappa"])
    assert all(math.isnan(value) for value in all_right.values())


def test_a_class_absent_from_the_truth_leaves_ranking_undefined():
    scores = compute(THREE, [0, 1, 0], np.full((3, 3), 1 / 3), names=["roc_auc", "accuracy"])
    assert math.isnan(scores["roc_auc"])
    assert scores["accuracy"] == pytest.approx(2 / 3)


def test_deciding_on_one_class_only_is_no_better_than_chance():
    scores = compute(TWO, [0, 1, 1], [[0.9, 0.1]] * 3, names=["matthews", "roc_auc"])
    assert scores == {"matthews": 0.0, "roc_auc": 0.5}


def test_probabilities_of_exactly_zero_cost_much_and_not_everything():
    scores = compute(TWO, [0, 1], [[0.0, 1.0], [0.0, 1.0]], names=["log_loss"])
    assert scores["log_loss"] == pytest.approx(-math.log(np.finfo(float).eps) / 2)


def test_level_scores_count_half():
    scores = compute(TWO, [0, 1, 0, 1], [[0.5, 0.5]] * 4, names=["roc_auc", "average_precision"])
    assert scores == {"roc_auc": 0.5, "average_precision": 0.5}


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    truth, score, weights = rng.integers(0, 2, 80), rng.integers(0, 9, 80) / 8, rng.random(80)
    first, second = score[truth == 1][:, None], score[truth == 0][None]
    pairs = np.outer(weights[truth == 1], weights[truth == 0])
    expected = (pairs * ((first > second) + 0.5 * (first == second))).sum() / pairs.sum()
    predicted = np.stack([1 - score, score], axis=1)
    ours = compute(TWO, truth, predicted, weights=weights, names=["roc_auc"])
    assert ours["roc_auc"] == pytest.approx(expected)


def test_baselines_are_the_training_rows_frequencies_and_mean():
    assert baseline(THREE, [0, 0, 1, 0], 2).tolist() == [[0.75, 0.25, 0.0]] * 2
    assert baseline(THREE, [0, 1], 1, weights=[1, 3]).tolist() == [[0.25, 0.75, 0.0]]
    assert baseline(NUMBER, [1.0, 4.0], 3).tolist() == [2.5, 2.5, 2.5]
    assert baseline(NUMBER, [1.0, 4.0], 1, weights=[3, 1]).tolist() == [1.75]
    assert baseline(NUMBER, [1.0, 4.0], 1, weights=[0, 0]).tolist() == [2.5]


def test_the_mean_explains_nothing():
    truth = np.array([1.0, 2.0, 6.0])
    scores = compute(NUMBER, truth, baseline(NUMBER, truth, 3))
    assert scores["r2"] == pytest.approx(0.0, abs=1e-12)


def test_the_primary_metric_is_the_one_its_task_is_judged_by():
    assert [primary_metric(task) for task in (TWO, THREE, NUMBER)] == [
        "roc_auc",
        "accuracy",
        "rmse",
    ]


def test_losses_and_errors_are_better_when_lower():
    of_tasks = {name for name, metric in METRICS.items() if metric.fits(TWO) or metric.fits(NUMBER)}
    lower = {name for name in of_tasks if not higher_is_better(name)}
    assert lower == {
        "log_loss",
        "brier",
        "expected_calibration_error",
        "maximum_calibration_error",
        "mse",
        "rmse",
        "mae",
        "median_absolute_error",
        "mape",
        "smape",
    }


def test_metrics_are_had_without_torch():
    code = "import ranvier.metrics, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
