"""One table drives the laws that every optimiser obeys, and one those of every schedule."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.optim import (
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    CosineLog,
    OneCycle,
    ReduceOnPlateau,
    RMSprop,
    optimizer_from,
    schedule_from,
)

MEMBERS = [
    SGD(0.05),
    SGD(0.05, momentum=0.9, weight_decay=0.01),
    SGD(0.05, momentum=0.9, nesterov=True),
    Adam(0.05, beta1=0.8, beta2=0.95, epsilon=1e-6),
    AdamW(0.05, weight_decay=0.1),
    RMSprop(0.05, rho=0.9),
    RMSprop(0.05, momentum=0.5, centered=True, weight_decay=0.01),
]
every_optimizer = pytest.mark.parametrize("optimizer", MEMBERS, ids=str)


def parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) for shape in [(4, 3), (4,), (), (2, 3, 5)]]


def gradient(step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(p.shape, generator=generator) for p in parameters()]


def advance(optimizer, theta, slots, steps, *, rate=0.05, where=slice(None)) -> None:
    for step in steps:
        optimizer.update(
            theta[where],
            gradient(step)[where],
            {name: slot[where] for name, slot in slots.items()},
            learning_rate=rate,
            weight_decay=optimizer.weight_decay,
        )


def assert_equal(left, right) -> None:
    assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_every_registered_optimizer_is_under_the_laws():
    assert {type(optimizer) for optimizer in MEMBERS} == set(OPTIMIZERS.values())


@every_optimizer
def test_an_optimizer_goes_to_json_and_comes_back_the_same(optimizer):
    assert optimizer_from(json.loads(json.dumps(optimizer.to_json()))) == optimizer


@every_optimizer
def test_slots_are_fresh_zero_tensors_aligned_with_the_parameters(optimizer):
    theta = parameters()
    slots = optimizer.slots(theta)
    tensors = [tensor for slot in slots.values() for tensor in slot]
    assert all(len(slot) == len(theta) for slot in slots.values())
    assert all(torch.count_nonzero(tensor) == 0 for tensor in tensors)
    assert not any(tensor.requires_grad for tensor in tensors)
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == len(tensors)


@every_optimizer
def test_a_step_lessens_a_bowl(optimizer):
    theta = parameters()
    slots = optimizer.slots(theta)
    before = sum(p.square().sum() for p in theta)
    for _ in range(20):
        bowl = [2 * p for p in theta]
        optimizer.update(theta, bowl, slots, learning_rate=0.01, weight_decay=0.0)
    assert sum(p.square().sum() for p in theta) < before


@every_optimizer
def test_gradients_are_left_as_they_came(optimizer):
    theta, given_gradients = parameters(), gradient(0)
    slots = optimizer.slots(theta)
    optimizer.update(theta, given_gradients, slots, learning_rate=0.1, weight_decay=0.1)
    assert_equal(given_gradients, gradient(0))


@every_optimizer
def test_parameters_that_require_gradients_are_moved_in_place(optimizer):
    theta = [torch.nn.Parameter(p) for p in parameters()]
    slots = optimizer.slots(theta)
    optimizer.update(theta, gradient(0), slots, learning_rate=0.1, weight_decay=0.0)
    assert all(p.is_leaf and p.requires_grad for p in theta)
    assert not torch.equal(theta[0], parameters()[0])


@every_optimizer
def test_a_rate_of_zero_moves_nothing(optimizer):
    theta = parameters()
    advance(optimizer, theta, optimizer.slots(theta), range(3), rate=0.0)
    assert_equal(theta, parameters())


@every_optimizer
def test_groups_of_parameters_can_be_updated_by_themselves(optimizer):
    whole, parts = parameters(), parameters()
    advance(optimizer, whole, optimizer.slots(whole), range(5))
    slots = optimizer.slots(parts)
    for step in range(5):
        advance(optimizer, parts, slots, [step], where=slice(0, 2))
        advance(optimizer, parts, slots, [step], where=slice(2, 4))
        advance(optimizer, parts, slots, [step], where=slice(4, 4))
    assert_equal(whole, parts)


@every_optimizer
def test_saved_slots_go_on_to_the_same_bits(optimizer):
    theta = parameters()
    slots = optimizer.slots(theta)
    advance(optimizer, theta, slots, range(3))
    saved = [p.clone() for p in theta]
    saved_slots = {name: [t.clone() for t in slot] for name, slot in slots.items()}
    advance(optimizer, theta, slots, range(3, 6))
    advance(optimizer, saved, saved_slots, range(3, 6))
    assert_equal(theta, saved)


@every_optimizer
def test_a_gradient_may_lie_in_memory_as_it_likes(optimizer):
    # Autograd gives transposed and expanded gradients; a fused kernel would misread both.
    transposed, expanded = torch.randn(3, 4).t(), torch.tensor(0.5).expand(4, 3)
    for odd in (transposed, expanded):
        moved = []
        for laid_out in (odd, odd.clone(memory_format=torch.contiguous_format)):
            theta = [parameters()[0]]
            slots = optimizer.slots(theta)
            optimizer.update(theta, [laid_out], slots, learning_rate=0.1, weight_decay=0.0)
            moved.append(theta[0])
        assert torch.equal(*moved)


@every_optimizer
def test_an_update_can_be_captured_and_reads_the_rate_at_every_replay(optimizer):
    def update(theta, gradients, slots, rate):
        theta = [p.clone() for p in theta]
        slots = {name: [t.clone() for t in slot] for name, slot in slots.items()}
        optimizer.update(theta, gradients, slots, learning_rate=rate, weight_decay=0.1)
        return theta, slots

    theta = parameters()
    slots = optimizer.slots(theta)
    captured = make_fx(update)(theta, gradient(0), slots, torch.tensor(0.1))
    inputs = (theta, gradient(1), slots, torch.tensor(0.3))
    (replayed, replayed_slots), (eager, eager_slots) = captured(*inputs), update(*inputs)
    assert_equal(replayed, eager)
    for name in slots:
        assert_equal(replayed_slots[name], eager_slots[name])


SCHEDULE_MEMBERS = [
    Constant(),
    Constant(warmup=10),
    Cosine(),
    Cosine(warmup=0.1, hold=0.4, final=0.01),
    Cosine(warmup=7, hold=20),
    OneCycle(),
    OneCycle(warmup=5, start=0.1, final=0.0),
    CosineLog(),
    CosineLog(cycles=2),
    ReduceOnPlateau(),
    ReduceOnPlateau(reduction=0.5, patience=0, threshold=0.01, final=0.1, warmup=0.2),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULE_MEMBERS, ids=str)


def test_every_registered_schedule_is_under_the_laws():
    assert {type(schedule) for schedule in SCHEDULE_MEMBERS} == set(SCHEDULES.values())


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
