"""Recurrent layers under a capture: the bits of eager, by both interpreters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ranvier.nn import build
from ranvier.spec import GRU, LSTM, Aside, Dense, Embedding, Network, PaddingMask, SimpleRNN
from ranvier.step import Batch
from ranvier.step.executors import replay
from tests.parity.updates import Update, differing

ROWS, PLACES, FEATURES, UNITS = 6, 3, 2, 4
KINDS = (SimpleRNN, LSTM, GRU)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"bidirectional": True, "layers": 2, "dropout": 0.3},
    {"backwards": True, "bias": False},
    {"recurrent_dropout": 0.3},
]
LAYERS = [
    *((kind, settings) for kind in KINDS for settings in SETTINGS),
    (LSTM, {"projection": 2}),
    (SimpleRNN, {"activation": "relu"}),
]

both_interpreters = pytest.mark.parametrize("has_torchscript", [True, False])


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch, has_torchscript: bool) -> None:
    monkeypatch.setattr(replay, "has_torchscript", lambda: has_torchscript)


def batches(draw: Callable[[torch.Generator], Tensor]) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    return [Batch(draw(generator), torch.randn(ROWS, generator=generator)) for _ in range(3)]


def numbers(generator: torch.Generator) -> Tensor:
    return torch.randn(ROWS, PLACES, FEATURES, generator=generator)


def codes(generator: torch.Generator) -> Tensor:
    return torch.randint(0, 4, (ROWS, PLACES), generator=generator)


@both_interpreters
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(("kind", "settings"), LAYERS, ids=str)
def test_a_replayed_recurrent_layer_gives_the_bits_of_eager(
    kind: Any, settings: dict[str, Any]
) -> None:
    network = Network(kind(UNITS, sequence=False, **settings), Dense(1))
    update = Update(lambda: build(network, (PLACES, FEATURES)), batches(numbers))
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []


@both_interpreters
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("kind", KINDS)
def test_a_replayed_recurrent_layer_reads_past_what_is_padded(kind: Any) -> None:
    layer = kind(UNITS, bidirectional=True, sequence=False, mask="real")
    network = Network(Aside(PaddingMask(), name="real"), Embedding(4, 3), layer, Dense(1))
    update = Update(lambda: build(network, PLACES), batches(codes))
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []


class Twice(nn.Module):
    """torch's own module, whose state is handed from one call to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, rows: Tensor) -> Tensor:
        _, state = self.lstm(rows)
        outputs, (hidden, memory) = self.lstm(rows.flip(1), state)
        return self.head(outputs.mean(1) + hidden[0] + memory[0])


@both_interpreters
@pytest.mark.usefixtures("interpreter")
def test_a_module_of_torch_that_hands_its_state_on_gives_the_bits_of_eager() -> None:
    def module() -> nn.Module:
        torch.manual_seed(0)
        return Twice()

    update = Update(module, batches(numbers))
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []
