from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.optim import SGD, distance_from_orthogonal, penalty, penalty_of_groups
from ranvier.optim.descent import Group


def test_a_penalty_is_the_size_of_the_weights_and_pulls_them_to_zero():
    weights = [torch.tensor([3.0, 0.0], requires_grad=True), torch.tensor(-4.0, requires_grad=True)]
    cost = penalty(weights, l1=0.1, l2=0.01)
    assert cost.item() == pytest.approx(0.1 * 7 + 0.01 * 25 / 2)
    pulls = torch.autograd.grad(cost, weights)
    torch.testing.assert_close(pulls[0], torch.tensor([0.1 + 0.03, 0.0]))
    torch.testing.assert_close(pulls[1], torch.tensor(-0.1 - 0.04))


def test_no_penalty_costs_nothing():
    assert penalty([torch.ones(3)]).item() == 0.0
    assert penalty([], l1=1.0, l2=1.0, orthogonal=1.0).item() == 0.0


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3), (4, 4)])
def test_the_orthogonal_penalty_and_its_gradient_follow_the_equations(shape):
    weight = np.random.default_rng(2).normal(size=shape)
    flat = weight.reshape(shape[0], -1)
    rows = flat if flat.shape[0] <= flat.shape[1] else flat.T
    error = rows @ rows.T - np.eye(len(rows))
    pull = 4 * error @ rows
    pull = (pull if rows is flat else pull.T).reshape(shape)
    theta = torch.tensor(weight, requires_grad=True)
    cost = penalty([theta], orthogonal=0.3)
    assert cost.item() == pytest.approx(0.3 * (error**2).sum(), abs=1e-10)
    (found,) = torch.autograd.grad(cost, [theta])
    np.testing.assert_allclose(found.numpy(), 0.3 * pull, rtol=1e-10, atol=1e-10)


def test_an_orthogonal_matrix_costs_nothing_whichever_side_is_longer():
    turn, _ = torch.linalg.qr(torch.randn(6, 4, dtype=torch.float64))
    for matrix in (turn, turn.T):
        assert distance_from_orthogonal(matrix).item() == pytest.approx(0.0, abs=1e-12)


def test_a_bias_has_no_rows_to_be_orthogonal():
    assert penalty([torch.ones(3)], orthogonal=1.0).item() == 0.0


def test_each_group_pays_by_its_own_factors():
    groups = [
        Group(positions=(0,), optimizer=SGD(), l1=1.0),
        Group(positions=(1,), optimizer=SGD()),
        Group(positions=(2,), optimizer=SGD(), l2=2.0),
    ]
    tensors = [torch.tensor([2.0]), torch.tensor([100.0]), torch.tensor([3.0])]
    cost = penalty_of_groups(groups, tensors)
    assert cost is not None
    assert cost.item() == pytest.approx(2.0 + 9.0)
    assert penalty_of_groups(groups[1:2], tensors) is None
