"""What outputs mean under each loss: a point, and what else the network says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ranvier.core.errors import ShapeError
from ranvier.core.task import Task
from ranvier.losses import (
    GaussianLikelihood,
    Hinge,
    Loss,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Pinball,
    PoissonLikelihood,
)
from ranvier.step import Head, Unit

NUMBER = Task("regression", "price")
TWO = Task("classification", "kind", ("no", "yes"))
UNIT = Unit(center=100.0, scale=10.0)


def fit(loss: Loss, *shape: int, members: int | None = None, task: Task = NUMBER) -> Head:
    return Head.fit(task, shape, members, loss=loss, unit=UNIT)


def listed(head: Head, outputs: list) -> dict[str, list[float]]:
    answer = head.answer(torch.tensor(outputs))
    return {name: values.tolist() for name, values in answer.items()}


def test_quantiles_are_sorted_and_in_the_unit_of_the_target() -> None:
    head = fit(Pinball((0.9, 0.1, 0.5)), 3)
    assert listed(head, [[2.0, 0.0, 1.0], [0.0, 5.0, 1.0]]) == {
        "prediction": [110.0, 110.0],
        "quantile_0.1": [100.0, 100.0],
        "quantile_0.5": [110.0, 110.0],
        "quantile_0.9": [120.0, 150.0],
    }


@pytest.mark.parametrize(
    ("levels", "point"),
    [((0.1, 0.9), 105.0), ((0.25, 0.45, 0.55, 0.9), 115.0), ((0.9,), 100.0), ((0.1, 0.2), 110.0)],
)
def test_without_a_median_the_point_is_between_the_levels_around_it(levels, point) -> None:
    head = fit(Pinball(levels), len(levels))
    outputs = [[float(place) for place in range(len(levels))]]
    assert listed(head, outputs)["prediction"] == [pytest.approx(point)]


def test_members_are_sorted_each_by_itself_before_they_are_averaged() -> None:
    head = fit(Pinball((0.1, 0.9)), 2, 2, members=2)
    answer = listed(head, [[[0.0, 4.0], [6.0, 2.0]]])
    assert answer["quantile_0.1"] == [110.0]
    assert answer["quantile_0.9"] == [150.0]


def test_a_normal_distribution_says_its_standard_deviation() -> None:
    head = fit(GaussianLikelihood(spread="softplus_scale", least_scale=1e-9), 2)
    answer = listed(head, [[1.0, math.log(math.e**3 - 1)]])
    assert answer["prediction"] == [110.0]
    assert answer["standard_deviation"] == [pytest.approx(30.0)]


def test_members_that_disagree_are_less_sure_than_each_of_them() -> None:
    """Two normals N(−2, 1) and N(2, 1) in equal parts have the variance 1 + 4."""
    head = fit(GaussianLikelihood(), 2, 2, members=2)
    answer = listed(head, [[[-2.0, 0.0], [2.0, 0.0]]])
    assert answer["prediction"] == [100.0]
    assert answer["standard_deviation"] == [pytest.approx(10 * math.sqrt(5), rel=1e-5)]


def test_the_members_of_a_count_are_averaged_as_means_not_as_logarithms() -> None:
    head = fit(PoissonLikelihood(), 2, 1, members=2)
    answer = listed(head, [[[math.log(2.0)], [math.log(8.0)]]])
    assert answer["prediction"] == [pytest.approx(5.0)]
    assert answer["standard_deviation"] == [pytest.approx(math.sqrt(5 + 9))]
    assert head.for_loss(torch.zeros(3, 2, 1)).shape == (3, 2)


def test_a_loss_of_ratios_gets_a_standardised_network_in_the_unit_of_the_target() -> None:
    head = fit(MeanAbsolutePercentageError(), 1)
    assert head.for_loss(torch.tensor([[0.0], [1.0]])).tolist() == [100.0, 110.0]
    assert listed(head, [[1.0]]) == {"prediction": [110.0]}


def test_a_loss_of_logarithms_gets_numbers_above_0_that_never_stop_to_learn() -> None:
    head = fit(MeanSquaredLogarithmicError(), 1)
    outputs = torch.tensor([[-20.0], [0.0], [0.001]], dtype=torch.float64, requires_grad=True)
    values = head.for_loss(outputs)
    assert values.tolist() == [pytest.approx(100 * math.exp(-2)), 100.0, pytest.approx(100.01)]
    values.sum().backward()
    assert outputs.grad is not None
    assert (outputs.grad > 0).all()


def test_a_hinge_decides_by_the_sign_of_one_score() -> None:
    head = fit(Hinge(), 1, task=TWO)
    probabilities = head.predict(torch.tensor([[-0.5], [0.5]]))
    assert probabilities.argmax(1).tolist() == [0, 1]
    assert probabilities.sum(1).tolist() == [1.0, 1.0]


def test_the_outputs_that_the_loss_wants_are_named() -> None:
    with pytest.raises(ShapeError) as caught:
        fit(Pinball(), 1)
    assert str(caught.value) == (
        "the network gives (1,) per row; expected (3,) for pinball of 'price': quantile 0.1, "
        "quantile 0.5, quantile 0.9. End it with Dense(3)."
    )
    with pytest.raises(ShapeError, match="expected .1,. for hinge of 'kind': one score, of its"):
        fit(Hinge(), 2, task=TWO)


def test_the_trivial_answer_says_as_much_as_the_network() -> None:
    truth = np.arange(101.0)
    trivial = fit(Pinball(), 3).reading.trivial(truth, 2)
    assert {name: values.tolist() for name, values in trivial.items()} == {
        "prediction": [50.0, 50.0],
        "quantile_0.1": [10.0, 10.0],
        "quantile_0.5": [50.0, 50.0],
        "quantile_0.9": [90.0, 90.0],
    }
    normal = fit(GaussianLikelihood(), 2).reading.trivial(truth, 2)
    assert normal["standard_deviation"].tolist() == [np.std(truth)] * 2
