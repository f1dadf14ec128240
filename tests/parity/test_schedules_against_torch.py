"""Schedules against torch.optim.lr_scheduler, step by step."""

from __future__ import annotations

import pytest
import torch

from ranvier.optim import (
    Cosine,
    CosineRestarts,
    Cyclic,
    Exponential,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmupStableDecay,
)

TOTAL = 97


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=1.0)


def rates(peer, steps: int) -> list[float]:
    """The peer's rate at each step; its optimizer's peak is 1."""
    found = []
    for _ in range(steps):
        found.append(peer.optimizer.param_groups[0]["lr"])
        peer.optimizer.step()
        peer.step()
    return found


def factors(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.factor(step, total_steps=TOTAL) for step in range(steps)]


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_cosine_annealing(final):
    peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer(), TOTAL, eta_min=final)
    assert factors(Cosine(final=final), TOTAL) == pytest.approx(rates(peer, TOTAL), abs=1e-12)


@pytest.mark.parametrize("warmup", [0.3, 0.5])
def test_one_cycle_is_torchs_with_its_defaults(warmup):
    peer = torch.optim.lr_scheduler.OneCycleLR(
        optimizer(), max_lr=1.0, total_steps=TOTAL, pct_start=warmup, cycle_momentum=False
    )
    assert factors(OneCycle(warmup=warmup), TOTAL - 1) == pytest.approx(
        rates(peer, TOTAL - 1), abs=1e-12
    )


lr_scheduler = torch.optim.lr_scheduler
SAME = [
    (StepDecay(every=30, reduction=0.5), lr_scheduler.StepLR, {"step_size": 30, "gamma": 0.5}),
    (
        Piecewise(boundaries=(20, 60), values=(1.0, 0.1, 0.01)),
        lr_scheduler.MultiStepLR,
        {"milestones": [20, 60], "gamma": 0.1},
    ),
    (Exponential(every=1, reduction=0.9), lr_scheduler.ExponentialLR, {"gamma": 0.9}),
    (Polynomial(), lr_scheduler.PolynomialLR, {"total_iters": TOTAL}),
    (Polynomial(power=2.0), lr_scheduler.PolynomialLR, {"total_iters": TOTAL, "power": 2.0}),
    (
        Polynomial(final=0.2),
        lr_scheduler.LinearLR,
        {"start_factor": 1.0, "end_factor": 0.2, "total_iters": TOTAL},
    ),
    (
        CosineRestarts(first=10, growth=2.0, final=0.1),
        lr_scheduler.CosineAnnealingWarmRestarts,
        {"T_0": 10, "T_mult": 2, "eta_min": 0.1},
    ),
    (
        CosineRestarts(first=13, growth=1.0),
        lr_scheduler.CosineAnnealingWarmRestarts,
        {"T_0": 13},
    ),
]


@pytest.mark.parametrize(("schedule", "peer", "options"), SAME, ids=[str(case[0]) for case in SAME])
def test_a_schedule_is_torchs(schedule, peer, options):
    expected = rates(peer(optimizer(), **options), TOTAL)
    assert factors(schedule, TOTAL) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "mode"),
    [("triangular", "triangular"), ("halving", "triangular2"), ("exponential", "exp_range")],
)
def test_cyclic_is_torchs(shape, mode):
    peer = lr_scheduler.CyclicLR(
        optimizer(), base_lr=0.1, max_lr=1.0, step_size_up=8, mode=mode,
        gamma=0.99 if shape == "exponential" else 1.0, cycle_momentum=False,
    )  # fmt: skip
    ours = Cyclic(half=8, low=0.1, shape=shape, decay=0.99)
    assert factors(ours, TOTAL) == pytest.approx(rates(peer, TOTAL), abs=1e-12)


def test_warm_up_stable_decay_is_torchs_three_in_a_row():
    sgd = optimizer()
    parts = [
        lr_scheduler.LinearLR(sgd, start_factor=0.1, end_factor=1.0, total_iters=9),
        lr_scheduler.ConstantLR(sgd, factor=1.0),
        lr_scheduler.LinearLR(sgd, start_factor=1.0, end_factor=0.05, total_iters=20),
    ]
    peer = lr_scheduler.SequentialLR(sgd, parts, milestones=[9, TOTAL - 20])
    ours = WarmupStableDecay(warmup=10, decay=20, final=0.05)
    assert factors(ours, TOTAL) == pytest.approx(rates(peer, TOTAL), abs=1e-12)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_reduce_on_plateau_is_torchs(patience):
    generator = torch.Generator().manual_seed(1)
    falling = torch.linspace(3, 1, 60) + 0.3 * torch.randn(60, generator=generator)
    scores = falling.clamp(min=0.05).tolist()
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer(), factor=0.5, patience=patience, threshold=1e-2, eps=0.0
    )
    ours = ReduceOnPlateau(reduction=0.5, patience=patience, threshold=1e-2)
    for seen in range(len(scores)):
        peer.step(scores[seen])
        factor = ours.factor(seen, total_steps=TOTAL, scores=scores[: seen + 1])
        assert factor == pytest.approx(peer.optimizer.param_groups[0]["lr"])
    assert factor < 1
