"""Schedules against keras.optimizers.schedules, step by step."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

from ranvier.optim import (
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    Piecewise,
    Polynomial,
    StepDecay,
)

TOTAL = 90
theirs = keras.optimizers.schedules
SAME = [
    (Cosine(final=0.1), theirs.CosineDecay(1.0, TOTAL, alpha=0.1)),
    (
        CosineRestarts(first=10, growth=2.0, shrink=0.7),
        theirs.CosineDecayRestarts(1.0, 10, t_mul=2.0, m_mul=0.7),
    ),
    (Exponential(every=20, reduction=0.5), theirs.ExponentialDecay(1.0, 20, 0.5)),
    (StepDecay(every=20, reduction=0.5), theirs.ExponentialDecay(1.0, 20, 0.5, staircase=True)),
    (InverseTime(every=20, rate=0.5), theirs.InverseTimeDecay(1.0, 20, 0.5)),
    (Polynomial(power=2.0, final=0.1), theirs.PolynomialDecay(1.0, TOTAL, 0.1, power=2.0)),
]
TOLERANCE = 2e-6  # Keras computes in float32


@pytest.mark.parametrize(("schedule", "peer"), SAME, ids=[str(case[0]) for case in SAME])
def test_a_schedule_is_keras(schedule, peer):
    for step in range(TOTAL):
        factor = schedule.factor(step, total_steps=TOTAL)
        assert factor == pytest.approx(float(peer(step)), abs=TOLERANCE)


def test_a_piece_begins_one_step_later_in_keras():
    # The boundary itself belongs to the piece before it there, and to the one after it here, as in
    # torch's MultiStepLR.
    peer = theirs.PiecewiseConstantDecay([20, 60], [1.0, 0.1, 0.01])
    schedule = Piecewise(boundaries=(20, 60), values=(1.0, 0.1, 0.01))
    ours = [schedule.factor(step, total_steps=TOTAL) for step in range(TOTAL)]
    assert ours == pytest.approx([float(peer(step + 1)) for step in range(TOTAL)], abs=TOLERANCE)


def test_cosine_with_warm_up_is_keras_a_step_ahead():
    # Keras starts its warm-up at a rate of 0, so its step 0 moves nothing; ours moves at once.
    peer = theirs.CosineDecay(0.0, TOTAL - 10, warmup_target=1.0, warmup_steps=10)
    schedule = Cosine(warmup=10)
    for step in range(9):
        ours = schedule.factor(step, total_steps=TOTAL)
        assert ours == pytest.approx(float(peer(step + 1)), abs=TOLERANCE)
    for step in range(10, TOTAL):
        ours = schedule.factor(step, total_steps=TOTAL)
        assert ours == pytest.approx(float(peer(step)), abs=TOLERANCE)
