"""Which variants of a program are worth a trial."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.task import Task
from ranvier.losses import MeanSquaredError
from ranvier.nn import build
from ranvier.optim import AdamW
from ranvier.spec import GRU, Dense, Network
from ranvier.step import Batch, Head, Program
from ranvier.step.choice import candidates
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.scratch import Scratch


def tried(network: Network, limits: Limits) -> set[str]:
    program = Program(
        module=build(network, (5, 2)),
        head=Head(Task("regression", "y")),
        loss=MeanSquaredError(),
        optimizer=AdamW(),
    )
    scratch = Scratch(program, program.first_state(torch.device("cpu")))
    batch = Batch(torch.randn(3, 5, 2), torch.randn(3))
    found = candidates.variants(scratch, batch, "replay", limits)
    return {candidate.variant.recurrent for candidate in found}


RECURRENT = Network(GRU(3, sequence=False), Dense(1))


@pytest.fixture
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "has_fused_kernels", lambda: True)


@pytest.mark.usefixtures("_library")
def test_fused_recurrent_layers_are_tried_where_there_are_some() -> None:
    assert "fused" in tried(RECURRENT, Limits())
    assert "fused" not in tried(Network(Dense(2), Dense(1)), Limits())


@pytest.mark.usefixtures("_library")
def test_fused_recurrent_layers_are_not_tried_against_what_is_forced() -> None:
    assert "fused" not in tried(RECURRENT, Limits(exact=True))
    assert "fused" not in tried(RECURRENT, Limits(forced={"recurrent": "plain"}))


def test_fused_recurrent_layers_are_not_tried_without_their_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "has_fused_kernels", lambda: False)
    assert "fused" not in tried(RECURRENT, Limits())
