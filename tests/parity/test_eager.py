"""Ranvier's eager step against a loop written by hand in plain torch, on the same batches."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.task import Task
from ranvier.losses import Loss
from ranvier.nn import build
from ranvier.optim import Cosine, Optimizer
from ranvier.step import Batch, Head, Program
from ranvier.step.executors import Eager

STEPS, ROWS, FEATURES = 20, 32, 6
RATE = 0.01


class ByHand(nn.Module):
    """The network of `described`, out of torch's own modules."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, 16)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.25)
        self.second = nn.Linear(16, 12)
        self.last = nn.Linear(12, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.drop(self.norm(torch.relu(self.first(inputs))))
        return self.last(torch.tanh(self.second(hidden)))


def described(outputs: int) -> rv.Network:
    return rv.Network(
        rv.Dense(16, activation="relu"),
        rv.BatchNorm(),
        rv.Dropout(0.25),
        rv.Dense(12, activation="tanh"),
        rv.Dense(outputs),
    )


@dataclass
class Pair:
    """The same network twice: Ranvier's under its executor, and torch's to be trained by hand."""

    executor: Eager
    module: nn.Module

    def assert_equal(self, tolerance: float) -> None:
        ours = list(self.executor.program.module.state_dict().values())
        theirs = list(self.module.state_dict().values())
        assert len(ours) == len(theirs)
        for own, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(own, other, rtol=tolerance, atol=tolerance)


def pair(
    optimizer: Optimizer, *, loss: Loss | None = None, outputs: int = 3, **program: Any
) -> Pair:
    ours = build(described(outputs), (FEATURES,), seed=5)
    theirs = ByHand(outputs)
    with torch.no_grad():
        for own, other in zip(
            ours.state_dict().values(), theirs.state_dict().values(), strict=True
        ):
            assert own.shape == other.shape
            other.copy_(own)
    classes = tuple(f"c{i}" for i in range(outputs))
    task = Task("classification", "y", classes) if outputs > 1 else Task("regression", "y")
    head = Head.fit(task, (outputs,), None)
    made = Program(
        module=ours, head=head, loss=loss or rv.CrossEntropy(), optimizer=optimizer, **program
    )
    return Pair(Eager(made, made.first_state(torch.device("cpu"))), theirs)


def batches(outputs: int = 3, *, weighted: bool = False) -> list[Batch]:
    draw = torch.Generator().manual_seed(1)
    made = []
    for _ in range(STEPS):
        inputs = torch.randn(ROWS, FEATURES, generator=draw)
        targets = torch.randint(outputs, (ROWS,), generator=draw)
        if outputs == 1:
            targets = inputs[:, 0] * 2 + 0.1 * torch.randn(ROWS, generator=draw)
        weights = torch.rand(ROWS, generator=draw) + 0.1 if weighted else None
        made.append(Batch(inputs, targets, weights))
    return made


def groups(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and the scales of normalisation do not."""
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def run_ours(executor: Eager, data: list[Batch], rates: list[float]) -> list[float]:
    torch.manual_seed(7)
    executor.program.module.train()
    return [float(executor.run(batch, rate).loss) for batch, rate in zip(data, rates, strict=True)]


def run_by_hand(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: list[Batch],
    *,
    criterion: Any = None,
    scheduler: Any = None,
    clip: float = 0.0,
    average: float = 0.0,
) -> tuple[list[float], nn.Module]:
    """The loop that everyone writes; the losses and the averaged network come back."""
    torch.manual_seed(7)
    module.train()
    averaged = copy.deepcopy(module)
    losses = []
    for batch in data:
        optimizer.zero_grad()
        loss = (criterion or cross_entropy)(module(batch.inputs), batch)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        with torch.no_grad():
            for own, new in zip(averaged.parameters(), module.parameters(), strict=True):
                own.mul_(average).add_(new, alpha=1 - average)
        losses.append(loss.item())
    return losses, averaged


def cross_entropy(outputs: Tensor, batch: Batch) -> Tensor:
    return nn.functional.cross_entropy(outputs, batch.targets)


CONSTANT = [RATE] * STEPS
# float32 rounds to 6e-8; twenty steps of a small network carry that to about 1e-6.
ROUNDING = 2e-6


def test_adamw_with_batch_norm_dropout_and_decay_groups_is_torchs() -> None:
    both = pair(rv.AdamW(RATE, weight_decay=0.1))
    optimizer = torch.optim.AdamW(groups(both.module, 0.1), lr=RATE)
    ours = run_ours(both.executor, batches(), CONSTANT)
    theirs, _ = run_by_hand(both.module, optimizer, batches())
    assert ours == pytest.approx(theirs, rel=ROUNDING)
    both.assert_equal(ROUNDING)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum_is_torchs(nesterov: bool) -> None:
    both = pair(rv.SGD(RATE, momentum=0.9, nesterov=nesterov))
    optimizer = torch.optim.SGD(both.module.parameters(), lr=RATE, momentum=0.9, nesterov=nesterov)
    ours = run_ours(both.executor, batches(), CONSTANT)
    theirs, _ = run_by_hand(both.module, optimizer, batches())
    assert ours == pytest.approx(theirs, rel=ROUNDING)
    both.assert_equal(ROUNDING)


def test_rmsprop_is_torchs() -> None:
    both = pair(rv.RMSprop(0.001, rho=0.95, momentum=0.5))
    optimizer = torch.optim.RMSprop(both.module.parameters(), lr=0.001, alpha=0.95, momentum=0.5)
    ours = run_ours(both.executor, batches(), [0.001] * STEPS)
    theirs, _ = run_by_hand(both.module, optimizer, batches())
    assert ours == pytest.approx(theirs, rel=1e-5)
    both.assert_equal(1e-5)


def test_adam_on_a_regression_is_torchs() -> None:
    both = pair(rv.Adam(RATE), outputs=1, loss=rv.MeanSquaredError())
    optimizer = torch.optim.Adam(both.module.parameters(), lr=RATE)

    def squared(outputs: Tensor, batch: Batch) -> Tensor:
        return nn.functional.mse_loss(outputs.squeeze(-1), batch.targets)

    ours = run_ours(both.executor, batches(1), CONSTANT)
    theirs, _ = run_by_hand(both.module, optimizer, batches(1), criterion=squared)
    assert ours == pytest.approx(theirs, rel=ROUNDING)
    both.assert_equal(ROUNDING)


def test_clipping_by_the_global_norm_is_torchs() -> None:
    both = pair(rv.SGD(RATE, momentum=0.9), clip_norm=0.05)
    free = pair(rv.SGD(RATE, momentum=0.9))
    optimizer = torch.optim.SGD(both.module.parameters(), lr=RATE, momentum=0.9)
    run_ours(both.executor, batches(), CONSTANT)
    run_by_hand(both.module, optimizer, batches(), clip=0.05)
    both.assert_equal(ROUNDING)
    run_ours(free.executor, batches(), CONSTANT)
    with pytest.raises(AssertionError):  # the norm was above the limit, so it did clip
        free.module = both.module
        free.assert_equal(1e-3)


def test_cosine_annealing_is_torchs() -> None:
    both = pair(rv.SGD(RATE, momentum=0.9))
    optimizer = torch.optim.SGD(both.module.parameters(), lr=RATE, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    schedule = Cosine()
    rates = [RATE * schedule.factor(s, total_steps=STEPS, scores=[]) for s in range(STEPS)]
    ours = run_ours(both.executor, batches(), rates)
    theirs, _ = run_by_hand(both.module, optimizer, batches(), scheduler=scheduler)
    assert ours == pytest.approx(theirs, rel=ROUNDING)
    both.assert_equal(ROUNDING)


def test_the_moving_average_is_the_one_written_by_hand() -> None:
    both = pair(rv.AdamW(RATE, weight_decay=0.0), average_decay=0.9)
    optimizer = torch.optim.AdamW(both.module.parameters(), lr=RATE, weight_decay=0.0)
    run_ours(both.executor, batches(), CONSTANT)
    _, averaged = run_by_hand(both.module, optimizer, batches(), average=0.9)
    both.assert_equal(ROUNDING)
    average = both.executor.state.average
    assert average is not None
    for own, other in zip(average, averaged.parameters(), strict=True):
        torch.testing.assert_close(own, other.detach(), rtol=ROUNDING, atol=ROUNDING)


def test_sample_weights_are_a_weighted_mean() -> None:
    both = pair(rv.SGD(RATE))
    optimizer = torch.optim.SGD(both.module.parameters(), lr=RATE)

    def weighted(outputs: Tensor, batch: Batch) -> Tensor:
        assert batch.weights is not None
        each = nn.functional.cross_entropy(outputs, batch.targets, reduction="none")
        return (each * batch.weights).sum() / batch.weights.sum()

    data = batches(weighted=True)
    ours = run_ours(both.executor, data, CONSTANT)
    theirs, _ = run_by_hand(both.module, optimizer, data, criterion=weighted)
    assert ours == pytest.approx(theirs, rel=ROUNDING)
    both.assert_equal(ROUNDING)


def test_penalties_are_those_written_by_hand() -> None:
    both = pair(rv.SGD(RATE), l1=0.01, l2=0.1)
    optimizer = torch.optim.SGD(both.module.parameters(), lr=RATE)

    def penalised(outputs: Tensor, batch: Batch) -> Tensor:
        matrices = [p for p in both.module.parameters() if p.ndim > 1]
        size = sum((p.abs().sum() for p in matrices), torch.zeros(()))
        squares = sum((p.square().sum() for p in matrices), torch.zeros(()))
        return cross_entropy(outputs, batch) + 0.01 * size + 0.5 * 0.1 * squares

    run_ours(both.executor, batches(), CONSTANT)
    run_by_hand(both.module, optimizer, batches(), criterion=penalised)
    both.assert_equal(ROUNDING)


def test_a_look_at_the_gradients_changes_no_bit() -> None:
    plain, observed = pair(rv.AdamW(RATE)), pair(rv.AdamW(RATE))
    run_ours(plain.executor, batches(), CONSTANT)
    torch.manual_seed(7)
    observed.executor.program.module.train()
    for batch in batches():
        observed.executor.run_observed(batch, RATE)
    ours, theirs = (x.executor.program.module.state_dict() for x in (plain, observed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
