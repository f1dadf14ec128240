"""The copy of a network and its optimiser that is kept from before the first update."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ranvier.diagnose import start as start_module
from ranvier.diagnose.preflight.trials import trial_facts
from ranvier.diagnose.start import Start
from ranvier.diagnose.untouched import copied_together

X = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
Y = X[:, :1] * 2


@pytest.fixture(autouse=True)
def twenty_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*given: Any, **settings: Any) -> Any:
        return trial_facts(*given, updates=20, **settings)

    monkeypatch.setattr(start_module, "trial_facts", made)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def test_trials_begin_where_the_training_began_whatever_became_of_it() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
    start = Start(module, optimizer)
    for _ in range(5):
        optimizer.zero_grad()
        F.mse_loss(module(X), Y).backward()
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 7.0
    found = start.trials(F.mse_loss, X, Y, batch_size=16)
    fresh = network()
    other = Start(fresh, torch.optim.SGD(fresh.parameters(), 0.05, momentum=0.9))
    assert found == other.trials(F.mse_loss, X, Y, batch_size=16)
    assert found[0] == {
        "name": "as it is",
        "updates": 20,
        "before": pytest.approx(float(F.mse_loss(fresh(X), Y).detach())),
        "after": found[0]["after"],
    }


def test_trials_are_made_once() -> None:
    module = network()
    start = Start(module, torch.optim.SGD(module.parameters(), 0.05))
    assert start.trials(F.mse_loss, X, Y, batch_size=None)
    assert start.trials(F.mse_loss, X, Y, batch_size=None) == []


def test_without_an_optimiser_of_torch_or_of_a_large_network_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = network()
    assert Start(module, None).trials(F.mse_loss, X, Y, batch_size=None) == []
    assert Start(module, object()).trials(F.mse_loss, X, Y, batch_size=None) == []
    monkeypatch.setattr(start_module, "MOST_PARAMETERS", 20)
    large = Start(module, torch.optim.SGD(module.parameters(), 0.05))
    assert large.trials(F.mse_loss, X, Y, batch_size=None) == []


def test_nobody_hears_of_it(
    capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    class Noisy(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            print("forward", random.random(), np.random.rand())  # noqa: NPY002
            torch.rand(1).requires_grad_().__float__()
            return super().forward(inputs)

    module = Noisy(3, 1)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    start = Start(module, torch.optim.SGD(module.parameters(), 0.05))
    assert start.trials(F.mse_loss, X, Y, batch_size=None)[0]["after"] is not None
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert (states[2] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert capsys.readouterr().out == ""
    assert not recwarn.list


def test_a_copied_optimiser_holds_the_copied_parameters_and_all_that_is_its_own() -> None:
    module = network()
    optimizer = torch.optim.LBFGS(module.parameters(), 0.1)
    optimizer.register_step_post_hook(lambda *_: pytest.fail("a hook of the original"))
    torch.optim.lr_scheduler.StepLR(optimizer, 3)
    twin, held = copied_together(module, optimizer)
    assert held._params is held.param_groups[0]["params"]
    for mine, theirs, original in zip(
        held._params, twin.parameters(), module.parameters(), strict=True
    ):
        assert mine is theirs and mine is not original

    def closure() -> torch.Tensor:
        held.zero_grad()
        loss = F.mse_loss(twin(X), Y)
        loss.backward()
        return loss

    first = held.step(closure)
    assert closure() < first
    assert all(map(torch.equal, module.parameters(), network().parameters()))
