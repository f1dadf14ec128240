"""Members made out of a program by what differs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import AdamW
from ranvier.spec import Dense, Network
from ranvier.step import Head, Program
from ranvier.step.population import vary

HEAD = Head(Task("classification", "y", ("a", "b", "c")))


def program(module: nn.Module | None = None) -> Program:
    return Program(
        module=module or build(Network(Dense(4), Dense(3)), 5),
        head=HEAD,
        loss=CrossEntropy(),
        optimizer=AdamW(),
    )


def test_a_seed_gives_the_weights_that_build_gives() -> None:
    member = vary(program(), seed=7)
    built = build(Network(Dense(4), Dense(3)), 5, seed=7)
    for name, parameter in built.named_parameters():
        assert torch.equal(member.program.module.get_parameter(name), parameter)
    assert member.seed == 7


def test_settings_go_to_the_program_and_into_its_parts() -> None:
    settings = {"clip_norm": 0.5, "optimizer.beta1": 0.8, "loss.label_smoothing": 0.1}
    changed = vary(program(), settings=settings).program
    assert changed.clip_norm == 0.5
    assert changed.optimizer == AdamW(beta1=0.8)
    assert changed.loss == CrossEntropy(label_smoothing=0.1)


def test_unknown_settings_are_named_together_with_the_nearest_known() -> None:
    with pytest.raises(ConfigError) as caught:
        vary(program(), settings={"clip_nrom": 1.0, "optimizer.weight_decy": 0.1})
    assert "clip_nrom: Program has no setting 'clip_nrom'" in str(caught.value)
    assert "clip_norm" in str(caught.value)
    assert "optimizer.weight_decy: AdamW has no setting 'weight_decy'" in str(caught.value)


def test_a_value_out_of_range_is_refused_as_anywhere() -> None:
    with pytest.raises(ConfigError, match="beta1=2"):
        vary(program(), settings={"optimizer.beta1": 2.0})


def test_a_module_that_nothing_describes_must_come_for_each_member() -> None:
    with pytest.raises(ConfigError, match="Give each member its own `module`"):
        vary(program(nn.Linear(5, 3)))
    own = nn.Linear(5, 3)
    assert vary(program(nn.Linear(5, 3)), module=own).program.module is own
