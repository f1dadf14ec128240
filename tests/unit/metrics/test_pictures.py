from __future__ import annotations

import json

import numpy as np
import pytest

from ranvier.core.task import Task
from ranvier.metrics import calibration, compute, confusion_matrix, roc_curve

TWO = Task("classification", "label", ("no", "yes"))
THREE = Task("classification", "label", ("a", "b", "c"))
NUMBER = Task("regression", "price")


def two(score) -> np.ndarray:
    score = np.asarray(score, dtype=float)
    return np.stack([1 - score, score], axis=1)


def test_rows_of_the_confusion_matrix_are_the_truth():
    found = confusion_matrix(THREE, [0, 0, 1, 2], np.eye(3)[[0, 1, 1, 0]])
    assert found == {"labels": ["a", "b", "c"], "counts": [[1, 1, 0], [0, 1, 0], [1, 0, 0]]}
    assert all(type(count) is int for row in found["counts"] for count in row)


def test_a_weighted_confusion_matrix_holds_weights():
    found = confusion_matrix(TWO, [0, 1], two([0.1, 0.2]), weights=[0.5, 2.5])
    assert found["counts"] == [[0.5, 0.0], [2.5, 0.0]]


def test_calibration_bins_hold_confidence_frequency_and_count():
    found = calibration(TWO, [0, 1, 1, 1], two([0.12, 0.18, 0.9, 1.0]), num_bins=10)["bins"]
    assert found == [
        {"confidence": pytest.approx(0.15), "frequency": 0.5, "count": 2},
        {"confidence": pytest.approx(0.95), "frequency": 1.0, "count": 2},
    ]


def test_with_more_classes_the_confidence_is_that_of_the_decision():
    found = calibration(THREE, [0, 1], [[0.6, 0.3, 0.1], [0.65, 0.3, 0.05]], num_bins=5)["bins"]
    assert found == [{"confidence": pytest.approx(0.625), "frequency": 0.5, "count": 2}]


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(0, 3, 500), rng.dirichlet(np.ones(3), 500)
    bins = calibration(THREE, truth, predicted)["bins"]
    gap = sum(b["count"] * abs(b["confidence"] - b["frequency"]) for b in bins) / 500
    scores = compute(THREE, truth, predicted, names=["expected_calibration_error"])
    assert scores["expected_calibration_error"] == pytest.approx(gap)


def test_probabilities_that_come_true_are_calibrated():
    rng = np.random.default_rng(4)
    score = rng.random(200_000)
    truth = (rng.random(200_000) < score).astype(int)
    scores = compute(TWO, truth, two(score), names=["expected_calibration_error"])
    assert scores["expected_calibration_error"] < 0.01


def test_a_small_roc_curve_is_whole():
    found = roc_curve(TWO, [0, 1, 0, 1], two([0.1, 0.4, 0.6, 0.8]))
    assert found == {
        "false_positive_rate": [0.0, 0.0, 0.5, 0.5, 1.0],
        "true_positive_rate": [0.0, 0.5, 0.5, 1.0, 1.0],
    }


@pytest.mark.parametrize("num_rows", [2, 199, 200, 201, 10_000])
def test_a_roc_curve_goes_from_corner_to_corner_in_few_points(num_rows):
    rng = np.random.default_rng(5)
    truth = np.arange(num_rows) % 2
    found = roc_curve(TWO, truth, two(rng.random(num_rows)), num_points=50)
    x, y = found["false_positive_rate"], found["true_positive_rate"]
    assert (x[0], y[0], x[-1], y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert len(x) == len(y) <= 50
    assert x == sorted(x)
    assert y == sorted(y)


def test_where_nothing_can_be_drawn_there_is_nothing():
    assert roc_curve(TWO, [1, 1], two([0.1, 0.2])) is None
    assert roc_curve(THREE, [0, 1, 2], np.eye(3)) is None
    assert roc_curve(TWO, [0, 1], two([np.nan, 0.2])) is None
    assert roc_curve(NUMBER, [0.0, 1.0], [0.0, 1.0]) is None
    assert calibration(TWO, [0, 1], two([np.nan, 0.2])) == {"bins": []}
    assert confusion_matrix(TWO, [0, 1], two([np.nan, 0.2]))["counts"] == [[0, 0], [0, 0]]


def test_pictures_are_plain_json():
    truth, predicted = [0, 1, 1], two([0.1, 0.4, 0.6])
    for picture in (confusion_matrix, calibration, roc_curve):
        found = picture(TWO, truth, predicted)
        assert json.loads(json.dumps(found)) == found
