"""Captures that would take longer than they repay."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.task import Task
from ranvier.losses import MeanSquaredError
from ranvier.nn import build
from ranvier.optim import SGD
from ranvier.spec import GRU, Dense, Network
from ranvier.step import Batch, Head, Program
from ranvier.step.capture import CaptureError, capture, length


def of_places(places: int) -> tuple[Program, Batch]:
    network = Network(GRU(2, sequence=False), Dense(1))
    program = Program(
        module=build(network, (places, 1)),
        head=Head(Task("regression", "y")),
        loss=MeanSquaredError(),
        optimizer=SGD(0.1),
    )
    return program, Batch(torch.randn(2, places, 1), torch.randn(2))


def test_a_loop_over_too_many_places_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length.Counted.__init__, "__defaults__", (600,))
    short, long = of_places(3), of_places(60)
    capture(short[0], short[0].first_state(torch.device("cpu")), short[1])
    with pytest.raises(CaptureError, match=r"more than 600 operations.*places of a long sequence"):
        capture(long[0], long[0].first_state(torch.device("cpu")), long[1])
