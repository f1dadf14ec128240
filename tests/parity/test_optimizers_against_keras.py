"""Optimisers against keras.optimizers, on the same gradients; conventions that differ are named.

Where Keras has ε elsewhere, ε is made so small that its place does not matter; a test of its own
then pins the difference down.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

from ranvier.optim import (
    FTRL,
    LAMB,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
    RMSprop,
    ScheduleFreeAdamW,
    clip_by_global_norm_,
    clip_by_norm_,
)

# Keras reads torch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RATE, STEPS, TINY = 0.01, 30, 1e-30
theirs = keras.optimizers
SAME = [
    (SGD(RATE), theirs.SGD(RATE)),
    (Adagrad(RATE, initial=0.1, epsilon=TINY), theirs.Adagrad(RATE, 0.1, epsilon=TINY)),
    (Adadelta(RATE, rho=0.95, epsilon=1e-7), theirs.Adadelta(RATE, rho=0.95, epsilon=1e-7)),
    (RMSprop(RATE, rho=0.9, epsilon=TINY), theirs.RMSprop(RATE, epsilon=TINY)),
    (
        RMSprop(RATE, rho=0.9, momentum=0.5, epsilon=TINY),
        theirs.RMSprop(RATE, momentum=0.5, epsilon=TINY),
    ),
    (Adam(RATE, epsilon=TINY), theirs.Adam(RATE, epsilon=TINY)),
    (Adamax(RATE, epsilon=TINY), theirs.Adamax(RATE, epsilon=TINY)),
    (NAdam(RATE, momentum_decay=1.0, epsilon=1e-7), theirs.Nadam(RATE)),
    (LAMB(RATE), theirs.Lamb(RATE, epsilon=1e-6)),
    (Lion(RATE), theirs.Lion(RATE)),
]


def start(shape: tuple[int, ...] = (3, 4)) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def gradients(shape: tuple[int, ...] = (3, 4)) -> list[np.ndarray]:
    draw = np.random.default_rng(2)
    return [draw.normal(size=shape).astype("float32") for _ in range(STEPS)]


def both(
    optimizer: Optimizer,
    peer: keras.optimizers.Optimizer,
    *,
    at: np.ndarray | None = None,
    steps=None,
):
    """θ by Ranvier and by Keras after one step per gradient."""
    begin = start() if at is None else at
    steps = gradients(begin.shape) if steps is None else steps
    ours = [torch.tensor(begin)]
    slots = optimizer.slots(ours)
    variable = keras.Variable(begin)
    peer.build([variable])
    for step in steps:
        optimizer.update(
            ours,
            [torch.tensor(step)],
            slots,
            learning_rate=optimizer.learning_rate,
            weight_decay=optimizer.weight_decay,
        )
        peer.apply([torch.tensor(step)], [variable])
    return ours[0].numpy(), variable.value.detach().numpy()


def assert_same(ours: np.ndarray, other: np.ndarray, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(ours, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("optimizer", "peer"), SAME, ids=[str(case[0]) for case in SAME])
def test_an_optimiser_is_keras_but_for_rounding(optimizer, peer):
    assert_same(*both(optimizer, peer))


def test_keras_momentum_holds_steps_where_ours_holds_gradients():
    # v ← μ·v − η·g, so a rate that changes reaches only what is added; at a constant rate the same.
    assert_same(*both(SGD(RATE, momentum=0.9), theirs.SGD(RATE, momentum=0.9)))
    nesterov = theirs.SGD(RATE, momentum=0.9, nesterov=True)
    assert_same(*both(SGD(RATE, momentum=0.9, nesterov=True), nesterov))


def test_keras_has_epsilon_inside_the_root_of_adagrad_and_rmsprop():
    (gradient,), at = [np.full((1,), 1e-3, "float32")], np.zeros(1, "float32")
    ours, other = both(Adagrad(1.0, epsilon=1e-3), theirs.Adagrad(1.0, 0.0, epsilon=1e-3), at=at,
                       steps=[gradient])  # fmt: skip
    assert ours[0] == pytest.approx(-1e-3 / (1e-3 + 1e-3))
    assert other[0] == pytest.approx(-1e-3 / np.sqrt(1e-6 + 1e-3))
    ours, other = both(RMSprop(1.0, rho=0.0, epsilon=1e-3), theirs.RMSprop(1.0, rho=0.0,
                       epsilon=1e-3), at=at, steps=[gradient])  # fmt: skip
    assert ours[0] == pytest.approx(-0.5)
    assert other[0] == pytest.approx(-1e-3 / np.sqrt(1e-6 + 1e-3))


def test_keras_adds_adams_epsilon_before_the_second_correction():
    (gradient,), at = [np.full((1,), 1e-3, "float32")], np.zeros(1, "float32")
    ours, other = both(Adam(1.0, epsilon=1e-3), theirs.Adam(1.0, epsilon=1e-3), at=at,
                       steps=[gradient])  # fmt: skip
    assert ours[0] == pytest.approx(-0.5)
    correction = np.sqrt(1 - 0.999)
    assert other[0] == pytest.approx(-correction * 1e-3 / (correction * 1e-3 + 1e-3), rel=1e-4)


def test_amsgrad_keeps_the_largest_moment_before_its_correction_here_and_there():
    optimizer = Adam(RATE, amsgrad=True, epsilon=TINY)
    assert_same(*both(optimizer, theirs.Adam(RATE, amsgrad=True, epsilon=TINY)))


def test_keras_decays_by_the_rate_times_the_weight_as_adamw_does():
    optimizer = AdamW(RATE, weight_decay=0.1, epsilon=TINY)
    assert_same(*both(optimizer, theirs.AdamW(RATE, weight_decay=0.1, epsilon=TINY)))
    # There weight_decay means that for every optimiser; here it is an L2 penalty unless decoupled.
    ours, other = both(SGD(RATE, weight_decay=0.5), theirs.SGD(RATE, weight_decay=0.5))
    assert_same(ours, other)
    ours, other = both(Adam(RATE, weight_decay=0.5), theirs.Adam(RATE, weight_decay=0.5))
    assert np.abs(ours - other).max() > 1e-2


def test_adafactor_is_keras_with_its_epsilon_added_to_the_square():
    peer = theirs.Adafactor(RATE, epsilon_1=1e-30)
    assert_same(*both(Adafactor(RATE, epsilon1=1e-15), peer))
    peer = theirs.Adafactor(RATE, epsilon_1=1e-30)
    assert_same(*both(Adafactor(RATE, epsilon1=1e-15), peer, at=start((5,))))


def test_ftrl_is_keras_from_weights_of_zero():
    at = np.zeros((3, 4), "float32")
    peer = theirs.Ftrl(RATE, l1_regularization_strength=0.5, l2_regularization_strength=0.05)
    assert_same(*both(FTRL(RATE, l1=0.5, weight_decay=0.1), peer, at=at))


def test_keras_ftrl_forgets_where_the_weights_started_and_ours_does_not():
    nothing = [np.zeros((3, 4), "float32")]
    ours, other = both(FTRL(RATE), theirs.Ftrl(RATE), steps=nothing)
    assert np.array_equal(ours, start())
    assert np.array_equal(other, np.zeros((3, 4)))


def test_muon_is_keras_whose_momentum_is_a_sum():
    # m ← μ·m + g there, (1 − μ) times as much here: orthogonalising forgets the length, so plain
    # momentum agrees; Nesterov's, g + μ·m in both, weighs g by 1 − μ here.
    peer = theirs.Muon(RATE, nesterov=False, rms_rate=None, weight_decay=0.1, adam_weight_decay=0.1)
    ours, other = both(Muon(RATE, nesterov=False, weight_decay=0.1), peer)
    assert_same(ours, other, 1e-4)
    peer = theirs.Muon(RATE, nesterov=True, rms_rate=0.2, weight_decay=None)
    ours, other = both(Muon(RATE, scale="match_adamw"), peer)
    assert_same(ours, other, 1e-4)


def schedule_free(theta: np.ndarray, *, reads_too_late: bool) -> np.ndarray:
    """Keras's recurrence of y, which finds x again from y and z instead of keeping it."""
    y, z, v = theta.astype(float), theta.astype(float), np.zeros(theta.shape)
    for t, g in enumerate(gradients(), start=1):
        v = 0.999 * v + 0.001 * g**2
        new_z = z - RATE * g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = (y - 0.1 * (new_z if reads_too_late else z)) / 0.9
        x, z = (1 - 1 / t) * x + new_z / t, new_z
        y = 0.1 * z + 0.9 * x
    return y


def test_schedule_free_is_the_recurrence_that_keras_means():
    # On torch, Keras 3.15 finds x from y and a z that it has already moved: the tensor it took as
    # the old z is written in place. What it means, and does elsewhere, is what ours does.
    ours, other = both(ScheduleFreeAdamW(RATE), theirs.ScheduleFreeAdamW(RATE))
    assert_same(ours, schedule_free(start(), reads_too_late=False))
    assert_same(other, schedule_free(start(), reads_too_late=True))


def test_clipping_is_keras():
    draw = np.random.default_rng(3)
    arrays = [draw.normal(size=shape).astype("float32") for shape in [(3, 4), (5,)]]
    for options, clip in (
        ({"global_clipnorm": 0.5}, lambda g: clip_by_global_norm_(g, 0.5)),
        ({"clipnorm": 0.5}, lambda g: clip_by_norm_(g, 0.5)),
    ):
        ours = [torch.tensor(array) for array in arrays]
        clip(ours)
        peer = theirs.SGD(1.0, **options)
        other = peer._clip_gradients([torch.tensor(array) for array in arrays])
        for one, two in zip(ours, other, strict=True):
            assert_same(one.numpy(), two.numpy())
