"""Schedules against torch.optim.lr_scheduler, step by step."""

from __future__ import annotations

import pytest
import torch

from ranvier.optim import Cosine, OneCycle, ReduceOnPlateau, Schedule

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
