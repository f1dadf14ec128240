"""One table drives the laws that every metric obeys."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.core.task import Task
from ranvier.metrics import METRICS, baseline, compute, default_metrics, primary_metric

TWO = Task("classification", "label", ("no", "yes"))
MORE = Task("classification", "label", tuple("abcdef"))
NUMBER = Task("regression", "number")
ANY = Task("multilabel", "tags", tuple("abcd"))
TASKS = {"two classes": TWO, "six classes": MORE, "any of four": ANY, "a number": NUMBER}
MEMBERS = [
    pytest.param(name, task, id=f"{name} of {label}")
    for label, task in TASKS.items()
    for name, metric in METRICS.items()
    if metric.fits(task)
]
# One constant prediction has no correlation, and frequencies as probabilities are calibrated.
BLIND_IS_GOOD_OR_UNDEFINED = ("pearson", "spearman", "kendall", "expected_calibration_error",
                              "maximum_calibration_error")  # fmt: skip
RNG = np.random.default_rng(2)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _every_test_draws_from_the_start() -> None:
    RNG.bit_generator.state = START


def drawn(task: Task, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    if task.is_multilabel:
        truth = (np.arange(num_rows)[:, None] + np.arange(4)) % [3, 4, 5, 6] < [1, 2, 2, 1]
        return truth.astype(int), 0.7 * RNG.random((num_rows, 4)) + 0.3 * truth
    if not task.is_classification:
        truth = RNG.normal(3, 2, num_rows)
        return truth, truth + RNG.normal(0, 1, num_rows)
    truth = np.resize(np.arange(task.outputs), num_rows)
    likely = 0.3 * np.eye(task.outputs)[truth]
    return truth, 0.7 * RNG.dirichlet(np.ones(task.outputs), num_rows) + likely


def perfect(task: Task, truth: np.ndarray) -> np.ndarray:
    return np.eye(task.outputs)[truth] if task.is_classification else truth


def score(name: str, task: Task, truth, predicted, weights=None) -> float:
    return compute(task, truth, predicted, weights=weights, names=[name])[name]


@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_a_weight_counts_rows(name, task):
    truth, predicted = drawn(task, 40)
    weights = RNG.integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weights)
    by_weight = score(name, task, truth, predicted, weights)
    assert by_weight == pytest.approx(score(name, task, truth[repeated], predicted[repeated]))


@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_only_the_proportions_of_weights_count(name, task):
    truth, predicted = drawn(task, 40)
    weights = RNG.uniform(0.1, 3, 40)
    expected = score(name, task, truth, predicted, weights)
    assert score(name, task, truth, predicted, 8 * weights) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_the_order_of_rows_does_not_count(name, task):
    truth, predicted = drawn(task, 60)
    order = RNG.permutation(60)
    expected = score(name, task, truth, predicted)
    assert score(name, task, truth[order], predicted[order]) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_the_truth_itself_scores_best_and_better_than_not_looking(name, task):
    truth, predicted = drawn(task, 60)
    sign = 1 if METRICS[name].higher_is_better else -1
    best = sign * score(name, task, truth, perfect(task, truth))
    good = sign * score(name, task, truth, predicted)
    blind = sign * score(name, task, truth, baseline(task, truth, 60))
    assert best >= good
    if name not in BLIND_IS_GOOD_OR_UNDEFINED:
        assert good > blind


@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_no_row_or_no_weight_gives_no_number(name, task):
    truth, predicted = drawn(task, 12)
    assert math.isnan(score(name, task, truth[:0], predicted[:0]))
    assert math.isnan(score(name, task, truth, predicted, np.zeros(12)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "task"), MEMBERS)
def test_a_prediction_that_is_not_finite_gives_no_number_unless_it_weighs_nothing(name, task, bad):
    truth, predicted = drawn(task, 13)
    spoilt = predicted.copy()
    spoilt[12] = bad
    assert math.isnan(score(name, task, truth, spoilt))
    weights = np.append(np.ones(12), 0)
    assert score(name, task, truth, spoilt, weights) == score(name, task, truth[:12], spoilt[:12])


hostile = st.sampled_from([0.0, 1.0, -1.0, 1e-320, 1e-200, 1e200, -1e308, 1.7e308, 0.1])


@pytest.mark.filterwarnings("error")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hostile_rows_raise_nothing_and_warn_of_nothing(data):
    task = data.draw(st.sampled_from(list(TASKS.values())))
    num_rows = data.draw(st.integers(1, 6))
    shape = num_rows if task.kind == "regression" else (num_rows, task.outputs)
    predicted = data.draw(hnp.arrays(np.float64, shape, elements=hostile))
    element = st.integers(0, task.outputs - 1) if task.is_classification else hostile
    truth = np.array(data.draw(st.lists(element, min_size=num_rows, max_size=num_rows)))
    if task.is_multilabel:
        truth = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 1)))
    weight = st.sampled_from([0.0, 1.0, 1e-300, 1e15, 1e-5])
    weights = data.draw(st.none() | hnp.arrays(np.float64, num_rows, elements=weight))
    names = [name for name, metric in METRICS.items() if metric.fits(task)]
    scores = compute(task, truth, predicted, weights=weights, names=names)
    assert list(scores) == names
    assert all(type(value) is float for value in scores.values())


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_default_metrics_fit_their_task_and_hold_the_primary_one(task):
    names = default_metrics(task)
    assert primary_metric(task) == names[0]
    assert len(set(names)) == len(names)
    assert all(METRICS[name].fits(task) for name in names)
