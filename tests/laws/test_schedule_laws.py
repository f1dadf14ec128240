"""One table drives the laws that every schedule obeys."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.optim import (
    SCHEDULES,
    Constant,
    Cosine,
    CosineLog,
    CosineRestarts,
    Cyclic,
    Exponential,
    InverseTime,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    StepDecay,
    WarmupStableDecay,
    schedule_from,
)

MEMBERS = [
    Constant(),
    Constant(warmup=10),
    Cosine(),
    Cosine(warmup=0.1, hold=0.4, final=0.01),
    Cosine(warmup=7, hold=20),
    OneCycle(),
    OneCycle(warmup=5, start=0.1, final=0.0),
    CosineLog(),
    CosineLog(cycles=2),
    CosineRestarts(),
    CosineRestarts(warmup=10, first=20, growth=1.5, shrink=0.8, final=0.1),
    CosineRestarts(first=0.1, growth=1.0),
    Cyclic(),
    Cyclic(half=10, low=0.0, shape="halving"),
    Cyclic(half=4, shape="exponential", decay=0.9999),
    Exponential(),
    Exponential(warmup=0.1, every=5, reduction=0.9),
    InverseTime(),
    InverseTime(warmup=5, every=10, rate=0.5),
    Piecewise(),
    Piecewise(boundaries=(10, 50), values=(0.1, 1.0, 0.0)),
    Polynomial(),
    Polynomial(warmup=0.2, power=2.0, final=0.1),
    ReduceOnPlateau(),
    ReduceOnPlateau(reduction=0.5, patience=0, threshold=0.01, final=0.1, warmup=0.2),
    StepDecay(),
    StepDecay(warmup=3, every=7, reduction=0.5),
    WarmupStableDecay(),
    WarmupStableDecay(warmup=10, decay=0.5, fall="cosine", final=0.1),
    WarmupStableDecay(warmup=0, decay=20, fall="square_root"),
]
every_schedule = pytest.mark.parametrize("schedule", MEMBERS, ids=str)


def test_every_registered_schedule_is_under_the_laws():
    assert {type(schedule) for schedule in MEMBERS} == set(SCHEDULES.values())


@every_schedule
def test_a_schedule_goes_to_json_and_comes_back_the_same(schedule):
    back = schedule_from(json.loads(json.dumps(schedule.to_json())))
    assert back == schedule
    # 5 steps and 5.0 of the run are not the same duration, though they are equal numbers.
    assert str(back) == str(schedule)


@every_schedule
@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(0, 10_000),
    total_steps=st.integers(1, 5_000),
    scores=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
)
def test_a_factor_lies_between_0_and_1_whatever_is_asked(schedule, step, total_steps, scores):
    factor = schedule.factor(step, total_steps=total_steps, scores=scores)
    assert type(factor) in (int, float)
    assert math.isfinite(factor)
    assert 0 <= factor <= 1


@every_schedule
@pytest.mark.parametrize("total_steps", [100, 997])
def test_the_peak_is_reached(schedule, total_steps):
    factors = [schedule.factor(step, total_steps=total_steps) for step in range(total_steps)]
    assert max(factors) == pytest.approx(1.0, abs=1e-3)
