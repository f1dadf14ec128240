"""One table drives the laws that every optimiser obeys."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.optim import (
    ASGD,
    FTRL,
    LAMB,
    LBFGS,
    OPTIMIZERS,
    SAM,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Lookahead,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
    ScheduleFreeAdamW,
    optimizer_from,
)
from tests.laws.walk import Function, Walk, bowl_around

MEMBERS = [
    SGD(0.05),
    SGD(0.05, momentum=0.9, weight_decay=0.01),
    SGD(0.02, momentum=0.9, nesterov=True),
    SGD(0.1, momentum=0.5, dampening=0.5),
    Adagrad(0.3),
    Adagrad(0.3, decay=0.01, initial=0.1, weight_decay=0.01),
    Adadelta(10.0),
    Adadelta(2.0, rho=0.8, epsilon=1e-3, weight_decay=0.01),
    RMSprop(0.05, rho=0.9),
    RMSprop(0.02, momentum=0.5, centered=True, weight_decay=0.01),
    Adam(0.05, beta1=0.8, beta2=0.95, epsilon=1e-6),
    Adam(0.05, amsgrad=True),
    AdamW(0.05, weight_decay=0.1),
    Adamax(0.05),
    NAdam(0.05),
    NAdam(0.05, decoupled=True, weight_decay=0.1),
    RAdam(0.1, beta2=0.9),
    RAdam(0.1, decoupled=True, weight_decay=0.01),
    Adafactor(0.1),
    Adafactor(0.1, clip=0.5, epsilon1=1e-15, weight_decay=0.01),
    LAMB(0.05),
    LAMB(0.05, weight_decay=0.01),
    Lion(0.02),
    Lion(0.02, beta1=0.95, weight_decay=0.1),
    Muon(0.05, adamw_factor=1.0),
    Muon(0.2, scale="match_adamw", nesterov=False, adamw_factor=0.2, weight_decay=0.01),
    ScheduleFreeAdamW(0.05),
    ScheduleFreeAdamW(0.05, beta1=0.95, weight_decay=0.01),
    Rprop(0.01),
    Rprop(0.01, growth=1.5, reduction=0.2, weight_decay=0.01),
    ASGD(0.05),
    ASGD(0.05, start=2.0, decay=0.01, weight_decay=0.01),
    FTRL(0.3),
    FTRL(0.3, l1=0.001, beta=1.0, initial=0.0, weight_decay=0.01),
    LBFGS(iterations=4, history=3),
    LBFGS(0.5, line_search=False, weight_decay=0.01),
    Lookahead(SGD(0.1, momentum=0.5), steps=3),
    Lookahead(Muon(0.05, adamw_factor=1.0), steps=2, pull=0.8),
    Lookahead(LBFGS(iterations=3), steps=2, pull=0.8),
    SAM(SGD(0.05)),
    SAM(Lookahead(AdamW(0.05)), rho=0.1, adaptive=True),
]
every_optimizer = pytest.mark.parametrize("optimizer", MEMBERS, ids=str)
# Those that move one list of parameters after the other; the rest look at all of them together.
BY_LISTS = [o for o in MEMBERS if type(o).descend is Optimizer.descend]
every_one_by_lists = pytest.mark.parametrize("optimizer", BY_LISTS, ids=str)
# Those whose parameters stay where they are without a gradient.
STILL = [o for o in MEMBERS if not (o.weight_decay or getattr(o, "l1", 0) or isinstance(o, ASGD))]
CAPTURABLE = [o for o in MEMBERS if o.capturable]


def parameters(dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(4, 3), (4,), (), (2, 3, 5), (3, 2)]
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def walked(walk: Walk, steps: range, rate: float | Tensor | None = None) -> Walk:
    for step in steps:
        walk.step(bowl_around(step), rate=rate)
    return walk


def assert_equal(left: list[Tensor], right: list[Tensor]) -> None:
    assert len(left) == len(right)
    assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_every_registered_optimizer_is_under_the_laws():
    assert {type(optimizer) for optimizer in MEMBERS} == set(OPTIMIZERS.values())


@every_optimizer
def test_an_optimizer_goes_to_json_and_comes_back_the_same(optimizer):
    assert optimizer_from(json.loads(json.dumps(optimizer.to_json()))) == optimizer


@every_optimizer
def test_fresh_state_is_tensors_of_their_own_aligned_with_the_parameters(optimizer):
    theta = parameters()
    walk = Walk(optimizer, theta)
    for group, slots in zip(walk.groups, walk.slots, strict=True):
        assert all(len(slot) == len(group.positions) for slot in slots.values())
    tensors = [tensor for tensor in [*walk.tensors()] if tensor.numel()]
    assert not any(tensor.requires_grad for tensor in tensors)
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == len(tensors)


@every_optimizer
def test_every_parameter_is_moved_by_one_group(optimizer):
    walk = Walk(optimizer, parameters())
    positions = [position for group in walk.groups for position in group.positions]
    assert sorted(positions) == list(range(5))


def stretched_bowl(theta: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """½·Σ aᵢ·θᵢ², steeper along some directions than along others."""
    slopes = [torch.linspace(0.5, 2.0, p.numel(), dtype=p.dtype).view(p.shape) for p in theta]
    gradients = [a * p.detach() for a, p in zip(slopes, theta, strict=True)]
    loss = [0.5 * (g * p.detach()).sum() for g, p in zip(gradients, theta, strict=True)]
    return torch.stack(loss).sum(), gradients


def valley(theta: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Rosenbrock's bent valley, less steep: Σ (1 − x)² + 5·(y − x²)² over pairs (x, y)."""
    x, y = theta[0].detach().unbind()
    gap = y - x**2
    gradient = torch.stack([-2 * (1 - x) - 20 * x * gap, 10 * gap])
    return ((1 - x) ** 2 + 5 * gap**2).sum(), [gradient]


@every_optimizer
def test_it_goes_down_a_stretched_bowl(optimizer):
    walk = Walk(optimizer, parameters(torch.float64))
    first, _ = stretched_bowl(walk.theta)
    for _ in range(150):
        walk.step(stretched_bowl)
    last, _ = stretched_bowl(walk.theta)
    assert last < 0.1 * first


@every_optimizer
def test_it_goes_down_a_bent_valley(optimizer):
    start = [torch.tensor([[-0.5, 0.0, 0.5], [0.5, 0.3, -0.2]], dtype=torch.float64)]
    walk = Walk(optimizer, start)
    first, _ = valley(walk.theta)
    for step in range(300):
        walk.step(valley, rate=optimizer.learning_rate * min(1.0, (300 - step) / 200))
    last, _ = valley(walk.theta)
    assert last < 0.1 * first


@every_optimizer
def test_gradients_are_left_as_they_came(optimizer):
    walk, seen = Walk(optimizer, parameters()), []

    def function(theta: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        loss, gradients = bowl_around(0)(theta)
        seen.append((gradients, [g.clone() for g in gradients]))
        return loss, gradients

    walk.step(function)
    for given, kept in seen:
        assert_equal(given, kept)


@every_optimizer
def test_parameters_that_require_gradients_are_moved_in_place(optimizer):
    theta = [torch.nn.Parameter(p) for p in parameters()]
    before = [p.detach().clone() for p in theta]
    walk = walked(Walk(optimizer, theta), range(4))
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in theta)
    assert walk.theta is theta
    assert not any(torch.equal(p, b) for p, b in zip(theta, before, strict=True))


@every_optimizer
def test_a_rate_of_zero_moves_nothing(optimizer):
    assert_equal(walked(Walk(optimizer, parameters()), range(3), 0.0).theta, parameters())


@pytest.mark.parametrize("optimizer", STILL, ids=str)
def test_a_gradient_of_zero_moves_nothing_where_nothing_decays(optimizer):
    walk = Walk(optimizer, parameters())
    for _ in range(4):
        walk.step(lambda theta: (torch.zeros(()), [torch.zeros_like(p) for p in theta]))
    assert_equal(walk.theta, parameters())


@every_optimizer
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_parameters_of_any_precision_keep_it(optimizer, dtype):
    walk = walked(Walk(optimizer, parameters(dtype)), range(5))
    assert all(p.dtype == dtype and torch.isfinite(p).all() for p in walk.theta)
    assert not torch.equal(walk.theta[0], parameters(dtype)[0])


@every_optimizer
def test_one_parameter_is_enough(optimizer):
    walk = walked(Walk(optimizer, [torch.ones(3, 2)]), range(3))
    assert not torch.equal(walk.theta[0], torch.ones(3, 2))


@every_one_by_lists
def test_no_parameter_is_no_work(optimizer):
    optimizer.update([], [], optimizer.slots([]), learning_rate=0.1, weight_decay=0.1)


@every_one_by_lists
def test_parameters_can_be_updated_by_themselves(optimizer):
    def advance(theta: list[Tensor], slots, step: int, where: slice) -> None:
        optimizer.update(
            theta[where],
            bowl_around(step)(parameters())[1][where],
            {name: slot[where] for name, slot in slots.items()},
            learning_rate=0.05,
            weight_decay=optimizer.weight_decay,
        )

    whole, parts = parameters(), parameters()
    slots, slots_of_parts = optimizer.slots(whole), optimizer.slots(parts)
    for step in range(5):
        advance(whole, slots, step, slice(None))
        for where in (slice(0, 2), slice(2, 5), slice(5, 5)):
            advance(parts, slots_of_parts, step, where)
    assert_equal(whole, parts)


@every_optimizer
def test_saved_state_goes_on_to_the_same_bits(optimizer):
    walk = walked(Walk(optimizer, parameters()), range(3))
    saved = walk.over([tensor.clone() for tensor in walk.tensors()])
    walked(walk, range(3, 6))
    walked(saved, range(3, 6))
    assert_equal(walk.tensors(), saved.tensors())


@every_one_by_lists
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
def test_a_tensor_as_learning_rate_gives_the_same_weights(optimizer):
    rate = optimizer.learning_rate
    by_float = walked(Walk(optimizer, parameters(torch.float64)), range(5))
    tensor = torch.tensor(rate, dtype=torch.float64)
    by_tensor = walked(Walk(optimizer, parameters(torch.float64)), range(5), tensor)
    for one, other in zip(by_float.theta, by_tensor.theta, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("optimizer", CAPTURABLE, ids=str)
def test_a_step_can_be_captured_and_reads_the_rate_at_every_replay(optimizer):
    walk = Walk(optimizer, parameters())

    def centred(centres: list[Tensor]) -> Function:
        def function(theta: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            gradients = [p - c for p, c in zip(theta, centres, strict=True)]
            return torch.stack([0.5 * g.square().sum() for g in gradients]).sum(), gradients

        return function

    def step(tensors: list[Tensor], centres: list[Tensor], rate: Tensor) -> list[Tensor]:
        moved = walk.over([tensor.clone() for tensor in tensors])
        moved.step(centred(centres), rate=rate)
        return moved.tensors()

    centres = [torch.randn(p.shape) for p in walk.theta]
    captured = make_fx(step)(walk.tensors(), centres, torch.tensor(0.1))
    replayed = eager = walk.tensors()
    # Long enough for what happens at some steps only, such as looking ahead, to happen.
    for rate in (0.1, 0.3, 0.05, 0.02):
        centres = [torch.randn(p.shape) for p in walk.theta]
        replayed = captured(replayed, centres, torch.tensor(rate))
        eager = step(eager, centres, torch.tensor(rate))
        assert_equal(replayed, eager)


def test_only_what_searches_along_a_line_cannot_be_captured():
    assert {type(o) for o in MEMBERS if not o.capturable} == {LBFGS, Lookahead}
    assert not Lookahead(LBFGS()).capturable
    assert Lookahead(SGD()).capturable
