"""Optimisers of ours, held as torch's are, against torch's on the same numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.diagnose.preflight.stepping import Stepping
from ranvier.optim import SGD, Adam, AdamW, Optimizer

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(32, 4, generator=GENERATOR, dtype=torch.float64)
Y = torch.randn(32, 1, generator=GENERATOR, dtype=torch.float64)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()


def stepping(module: nn.Module, optimizer: Optimizer, decay: float = 0.0) -> Stepping:
    return Stepping(optimizer, module.parameters(), learning_rate=0.02, weight_decay=decay)


def trained(module: nn.Module, optimizer: Any, updates: int = 25) -> list[float]:
    losses = []
    for update in range(updates):

        def closure(rows: slice = slice(update % 8, update % 8 + 16)) -> Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(module(X[rows]), Y[rows])
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    return losses


def assert_equal(one: nn.Module, other: nn.Module) -> None:
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(momentum=0.9), lambda p, **kw: torch.optim.SGD(p, 0.02, momentum=0.9, **kw)),
        (SGD(), lambda p, **kw: torch.optim.SGD(p, 0.02, **kw)),
        (Adam(), lambda p, **kw: torch.optim.Adam(p, 0.02, **kw)),
        (AdamW(), lambda p, **kw: torch.optim.AdamW(p, 0.02, **kw)),
    ],
)
def test_weights_move_as_torch_moves_them(
    ours: Optimizer, theirs: Callable[..., torch.optim.Optimizer], decay: float
) -> None:
    one, other = network(), network()
    found = trained(one, stepping(one, ours, decay))
    expected = trained(other, theirs(other.parameters(), weight_decay=decay))
    assert found == pytest.approx(expected)
    assert found[-1] < found[0]
    assert_equal(one, other)


def test_a_rate_and_a_decay_that_were_changed_hold_from_the_next_step_on() -> None:
    one, other = network(), network()
    mine = stepping(one, Adam())
    theirs = torch.optim.Adam(other.parameters(), 0.02)
    trained(one, mine, 5)
    trained(other, theirs, 5)
    for optimizer in (mine, theirs):
        optimizer.param_groups[0]["lr"] = 0.1
        optimizer.param_groups[0]["weight_decay"] = 0.3
    trained(one, mine, 5)
    trained(other, theirs, 5)
    assert_equal(one, other)


@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), Adam(), AdamW()])
def test_a_parameter_without_a_gradient_stays_where_it_is(optimizer: Optimizer) -> None:
    module = network()
    module.register_parameter("unused", nn.Parameter(torch.ones(3, dtype=torch.float64)))
    trained(module, stepping(module, optimizer), 5)
    assert torch.equal(module.unused, torch.ones(3, dtype=torch.float64))
    assert not torch.equal(module[0].weight, network()[0].weight)


def test_forgotten_gradients_are_none() -> None:
    module = network()
    optimizer = stepping(module, SGD())
    module(X).sum().backward()
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in module.parameters())


def test_copied_with_its_network_it_moves_the_copy_alone() -> None:
    module = network()
    optimizer = stepping(module, Adam())
    trained(module, optimizer, 3)
    weights = copy.deepcopy(module.state_dict())
    slots = copy.deepcopy(optimizer.slots)
    twin, held = copy.deepcopy((module, optimizer))
    trained(twin, held, 3)
    assert all(torch.equal(weights[n], value) for n, value in module.state_dict().items())
    for name, tensors in slots.items():
        assert all(map(torch.equal, tensors, optimizer.slots[name]))
    trained(module, optimizer, 3)
    assert_equal(module, twin)
