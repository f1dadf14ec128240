"""A loop with a recorder round it ends with the same bits as one without, and never fails for it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ranvier as rv

ROWS, STEPS = 96, 40


@dataclass(frozen=True)
class Loop:
    """A loop as somebody may write it: what differs from the usual one."""

    model: Callable[[], nn.Module]
    rows: Callable[[], tuple[Any, Any]]
    loss: Callable[..., Tensor]
    optimizer: Callable[[nn.Module], Any] = lambda m: torch.optim.Adam(m.parameters(), 1e-2)
    forward: Callable[[nn.Module, Any], Any] = lambda model, x: model(x)
    given: Callable[[tuple[Any, Any]], Any] = lambda rows: rows
    step: Callable[..., Tensor] | None = None
    clears: str = "before"
    settings: dict[str, Any] = field(default_factory=dict)
    names_optimizer: bool = True


def table(features: int = 6, *, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    x = torch.randn(ROWS, features, dtype=dtype)
    return x, x[:, :1] * x[:, 1:2] + 0.1 * torch.randn(ROWS, 1, dtype=dtype)


def classes(x: Tensor, count: int = 3) -> tuple[Tensor, Tensor]:
    return x, torch.randint(0, count, (len(x),))


def tokens() -> tuple[Tensor, Tensor]:
    return classes(torch.randint(0, 20, (ROWS, 7)))


def pictures() -> tuple[Tensor, Tensor]:
    return classes(torch.randn(ROWS, 1, 8, 8))


def series() -> tuple[Tensor, Tensor]:
    x = torch.randn(ROWS, 9, 2)
    return x, x.sum((1, 2))[:, None]


def dense(*, dtype: torch.dtype = torch.float32) -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1)
    ).to(dtype)


class Pictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.head = nn.Dropout2d(0.2), nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(F.max_pool2d(F.relu(self.norm(self.conv(x))), 2))
        return self.head(x.flatten(1))


class Stateful(nn.Module):
    """Keeps its state from batch to batch, counts, collects, draws from three sources, prints."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(2, 5, batch_first=True), nn.Linear(5, 1)
        self.hidden = (torch.zeros(1, 16, 5), torch.zeros(1, 16, 5))
        self.calls, self.seen = 0, []
        self.register_buffer("total", torch.zeros((), dtype=torch.int64))
        self.register_buffer("phase", torch.ones(2, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        print("forward", self.calls)
        self.calls += 1
        self.total += len(x)
        self.phase *= 1j
        hidden = self.hidden if len(x) == 16 else None
        outputs, hidden = self.lstm(x, hidden)
        self.hidden = tuple(each.detach() for each in hidden)
        self.seen.append(float(outputs.mean()))
        noise = float(np.random.rand() + random.random())  # noqa: NPY002
        noise = noise + torch.rand(1)
        return self.head(outputs[:, -1]) + 0.01 * noise + 0.001 * len(self.seen)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Embedding(20, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.leave = nn.Linear(8, 20, bias=False)
        self.leave.weight = self.enter.weight
        self.head = nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.leave(self.block(self.enter(x)).mean(1)))


class Two(nn.Module):
    """Takes two inputs and gives two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(3, 4), nn.Linear(3, 4)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor | None = None) -> tuple[Tensor, Tensor]:
        b = a if b is None else b
        hidden = torch.tanh(self.frozen(self.one(a)) + self.other(b))
        return hidden.mean(1, keepdim=True), hidden


class Sparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(20, 3, mode="mean", sparse=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.bag(x)


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.complex64) @ self.w).abs().sum(1, keepdim=True)


class WithoutGradients(nn.Module):
    """Extracts features without gradients, as people do with a trained backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.back, self.head = nn.Linear(6, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = torch.relu(self.back(x))
        return self.head(x)


def closure_step(loop: Loop, model: nn.Module, optimizer: Any, x: Any, y: Tensor) -> Tensor:
    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loop.loss(model(x), y)
        value.backward()
        return value

    return optimizer.step(closure)


def scaled_step(loop: Loop, model: nn.Module, optimizer: Any, x: Any, y: Tensor) -> Tensor:
    """As a gradient scaler does it: scaled, unscaled, and now and then no step at all."""
    optimizer.zero_grad()
    value = loop.loss(model(x), y)
    (value * 1024).backward()
    for parameter in model.parameters():
        parameter.grad.div_(1024)
    if float(torch.rand(())) > 0.2:
        optimizer.step()
    return value


def accumulating_step(loop: Loop, model: nn.Module, optimizer: Any, x: Any, y: Tensor) -> Tensor:
    model.batches = getattr(model, "batches", 0) + 1
    value = loop.loss(model(x), y)
    (value / 4).backward()
    if model.batches % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
    return value


def two_groups(model: nn.Module) -> torch.optim.Optimizer:
    first, *rest = list(model.parameters())
    return torch.optim.SGD([{"params": [first], "lr": 1e-3}, {"params": rest}], 1e-2, momentum=0.9)


mse, cross = nn.MSELoss(), nn.CrossEntropyLoss()
LOOPS = {
    "usual": Loop(dense, table, mse),
    "cleared after the step": Loop(dense, table, mse, clears="after"),
    "never cleared": Loop(dense, table, mse, clears="never"),
    "without an optimiser": Loop(dense, table, mse, names_optimizer=False),
    "lazy layers": Loop(Pictures, pictures, cross),
    "stateful, printing": Loop(Stateful, series, mse),
    "attention with tied weights": Loop(Attention, tokens, cross),
    "two inputs, two outputs": Loop(
        Two, lambda: table(3), mse, forward=lambda m, x: m(x, -x)[0], given=lambda rows: rows
    ),
    "a tuple of outputs": Loop(Two, lambda: table(3), mse, forward=lambda m, x: m(x)[0]),
    "LBFGS": Loop(dense, table, mse, lambda m: torch.optim.LBFGS(m.parameters(), max_iter=3),
                  step=closure_step),
    "two groups": Loop(dense, table, mse, two_groups),
    "scaled gradients": Loop(dense, table, mse, step=scaled_step),
    "accumulated gradients": Loop(dense, table, mse, step=accumulating_step),
    "sparse gradients": Loop(Sparse, tokens, cross, lambda m: torch.optim.SparseAdam(
        list(m.parameters()), 1e-2)),
    "complex weights": Loop(Complex, table, mse),
    "no gradients inside": Loop(WithoutGradients, table, mse),
    "bfloat16": Loop(lambda: dense(dtype=torch.bfloat16), lambda: table(dtype=torch.bfloat16), mse),
    "float64": Loop(lambda: dense(dtype=torch.float64), lambda: table(dtype=torch.float64), mse),
    "arrays": Loop(dense, table, mse, given=lambda rows: tuple(
        each.double().numpy() for each in rows)),
    "lists": Loop(dense, table, mse, given=lambda rows: tuple(each.tolist() for each in rows)),
    "a data set": Loop(dense, table, mse,
                       given=lambda rows: torch.utils.data.TensorDataset(*rows)),
    "a loader that shuffles": Loop(dense, table, mse, given=lambda rows: torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*rows), batch_size=8, shuffle=True)),
    "targets without their axis": Loop(dense, table, lambda o, t: F.mse_loss(o.squeeze(1), t),
                                       given=lambda rows: (rows[0], rows[1].squeeze(1))),
    "flat pictures": Loop(lambda: nn.Sequential(nn.Linear(64, 8), nn.Sigmoid(), nn.Linear(8, 3)),
                          pictures, cross, forward=lambda m, x: m(x.reshape(len(x), -1))),
    "bytes of pictures": Loop(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)),
        lambda: classes(torch.randint(0, 256, (ROWS, 8, 8), dtype=torch.uint8)), cross,
        forward=lambda m, x: m(x.float() / 255)),
    "rows that the network does not take": Loop(dense, table, mse, given=lambda rows: (
        torch.ones(ROWS, 3, 5), rows[1])),
    "targets that the loss does not take": Loop(dense, table, mse, given=lambda rows: (
        rows[0], torch.ones(ROWS, 7))),
    "scripted": Loop(lambda: torch.jit.script(nn.Sequential(nn.Linear(6, 8), nn.ReLU(),
                                                            nn.Linear(8, 1))), table, mse),
    "diverging": Loop(dense, table, mse, lambda m: torch.optim.SGD(m.parameters(), 1e12)),
}  # fmt: skip


def batches(rows: tuple[Any, Tensor]) -> Iterator[tuple[Any, Tensor]]:
    for _ in range(STEPS):
        chosen = torch.randperm(ROWS)[:16]
        yield rows[0][chosen], rows[1][chosen]


def trained(loop: Loop, *, recorded: bool) -> tuple[dict[str, Tensor], list[float], Any]:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    rows = loop.rows()
    model = loop.model()
    optimizer = loop.optimizer(model)
    recorder = None
    if recorded:
        named = {"optimizer": optimizer} if loop.names_optimizer else {}
        recorder = rv.Recorder(
            model, **named, loss=loop.loss, train=loop.given(rows), validation=loop.given(rows)
        )
        recorder.findings()
    for number, (x, y) in enumerate(batches(rows)):
        if loop.step is not None:
            value = loop.step(loop, model, optimizer, x, y)
        else:
            if loop.clears == "before":
                optimizer.zero_grad()
            value = loop.loss(loop.forward(model, x), y)
            value.backward()
            optimizer.step()
            if loop.clears == "after":
                optimizer.zero_grad()
        if recorder is not None:
            recorder.step(value)
            if number % 10 == 9:
                recorder.epoch(val=0.5)
                recorder.findings()
    drawn = [float(torch.rand(())), random.random(), float(np.random.rand())]  # noqa: NPY002
    state = {name: each.clone() for name, each in copy.deepcopy(model).state_dict().items()}
    return state, drawn, (recorder, model)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOOPS)
def test_a_recorded_loop_ends_with_the_bits_of_an_unrecorded_one(name, capsys):
    plain, drawn, _ = trained(LOOPS[name], recorded=False)
    printed = capsys.readouterr().out
    recorded, drawn_too, (recorder, model) = trained(LOOPS[name], recorded=True)
    assert capsys.readouterr().out == printed
    assert drawn_too == drawn
    assert recorded.keys() == plain.keys()
    for key, value in plain.items():
        assert torch.equal(recorded[key].nan_to_num(7.0) if not value.is_complex() else
                           recorded[key], value.nan_to_num(7.0) if not value.is_complex() else
                           value), key  # fmt: skip
    assert all(finding.severity for finding in recorder.findings())
    assert model.training
    losses = recorder.history.series("loss")
    few = name in ("accumulated gradients", "scaled gradients")
    assert 5 <= len(losses) < STEPS if few else len(losses) == STEPS
    failed = [note for note in recorder.history.of("note") if note["what"] in ("step", "epoch")]
    assert failed == []
