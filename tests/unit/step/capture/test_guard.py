"""A network that is more than tensor operations runs eagerly, and one line says why."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ranvier.step import Batch
from tests.parity.updates import Update, differing


class Counts(nn.Linear):
    calls = 0

    def forward(self, rows: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(rows)


class Collects(nn.Linear):
    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.means: list[float] = []

    def forward(self, rows: Tensor) -> Tensor:
        self.means.append(0.0)
        return super().forward(rows)


class Keeps(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        self.last = super().forward(rows)
        return self.last


class Branches(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        outputs = super().forward(rows)
        return outputs * 2 if outputs.sum() > 0 else outputs


class DrawsFromPython(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows) * random.random()


class DrawsFromNumPy(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows) * float(np.random.rand())  # noqa: NPY002


class ReplacesBuffer(nn.Linear):
    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        self.seen = self.seen + 1
        return super().forward(rows)


def hooked(features: int, classes: int) -> nn.Module:
    layer = nn.Linear(features, classes)
    layer.register_forward_hook(lambda _layer, _inputs, outputs: outputs * 2)
    return layer


def parameter_hooked(features: int, classes: int) -> nn.Module:
    layer = nn.Linear(features, classes)
    layer.weight.register_hook(lambda gradient: gradient * 2)
    return layer


REASONS: list[tuple[Any, str]] = [
    (Counts, "0 (Counts) changes its attribute calls as it runs"),
    (Collects, "0 (Collects) changes its attribute means as it runs"),
    (Keeps, "0 (Keeps) changes its attribute last as it runs"),
    (Branches, "what runs next depends on values"),
    (DrawsFromPython, "the network draws from Python's random numbers"),
    (DrawsFromNumPy, "the network draws from NumPy's random numbers"),
    (ReplacesBuffer, "the buffer 0.seen is replaced, not written in place"),
    (hooked, "0 (Linear) has hooks"),
    (parameter_hooked, "the parameter 0.weight has hooks"),
]


def batch(rows: int = 8) -> Batch:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, 5, generator=draw)
    return Batch(inputs, torch.randint(0, 3, (rows,), generator=draw))


def network(make: Any) -> nn.Module:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    return nn.Sequential(make(5, 3))


@pytest.mark.parametrize(
    ("make", "reason"), REASONS, ids=lambda value: getattr(value, "__name__", "")
)
def test_it_runs_eagerly_with_the_same_numbers_and_says_why(make: Any, reason: str) -> None:
    update = Update(lambda: network(make), [batch()])
    _, wanted = update.run("eager", steps=5)
    replayed, came = update.run("replay", steps=5)
    (remark,) = replayed.remarks
    assert remark.is_fallback
    assert remark.text.startswith(f"replay: runs eagerly, as {reason}")
    assert differing(came, wanted) == []


def test_what_a_refused_capture_left_in_the_network_is_put_back() -> None:
    update = Update(lambda: network(Keeps), [batch()])
    replayed, _ = update.run("replay", steps=3)
    layer = replayed.program.module[0]
    assert type(layer.last) is Tensor
    assert layer.last.shape == (8, 3)
    counting, _ = Update(lambda: network(Counts), [batch()]).run("replay", steps=3)
    assert counting.program.module[0].calls == 3
    collecting, _ = Update(lambda: network(Collects), [batch()]).run("replay", steps=3)
    assert collecting.program.module[0].means == [0.0] * 3


def test_a_hook_is_called_at_every_step() -> None:
    calls = []

    def watched(features: int, classes: int) -> nn.Module:
        layer = nn.Linear(features, classes)
        layer.register_forward_pre_hook(lambda _layer, inputs: calls.append(inputs[0].shape))
        return layer

    Update(lambda: network(watched), [batch()]).run("replay", steps=5)
    assert calls == [(8, 5)] * 5
