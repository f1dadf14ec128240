"""Every optimiser against its equations in NumPy float64, 20 steps long."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

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
)
from tests.laws.walk import Walk
from tests.reference import optimizer_oracles as oracle

STEPS, RATE = 20, 0.05
RNG = np.random.default_rng(11)
START = RNG.normal(size=(3, 4))
GRADIENTS = RNG.normal(size=(STEPS, 3, 4)) * 10.0 ** RNG.integers(-6, 4, size=(STEPS, 1, 1))
# Gradients of one size, where an equation divides by what earlier ones left behind.
EVEN = RNG.normal(size=(STEPS, 3, 4))
Case = tuple[Optimizer, Callable[..., np.ndarray], dict[str, object]]

CASES: list[Case] = [
    (SGD(), oracle.sgd, {}),
    (SGD(weight_decay=0.1), oracle.sgd, {"decay": 0.1}),
    (SGD(momentum=0.9), oracle.sgd, {"momentum": 0.9}),
    (SGD(momentum=0.9, dampening=0.3), oracle.sgd, {"momentum": 0.9, "dampening": 0.3}),
    (
        SGD(momentum=0.8, nesterov=True, weight_decay=0.1),
        oracle.sgd,
        {"momentum": 0.8, "nesterov": True, "decay": 0.1},
    ),
    (Adagrad(), oracle.adagrad, {}),
    (
        Adagrad(decay=0.1, initial=0.2, epsilon=1e-3, weight_decay=0.1),
        oracle.adagrad,
        {"slowing": 0.1, "initial": 0.2, "epsilon": 1e-3, "decay": 0.1},
    ),
    (Adadelta(), oracle.adadelta, {}),
    (
        Adadelta(rho=0.5, epsilon=1e-2, weight_decay=0.1),
        oracle.adadelta,
        {"rho": 0.5, "epsilon": 1e-2, "decay": 0.1},
    ),
    (RMSprop(), oracle.rmsprop, {}),
    (
        RMSprop(rho=0.9, epsilon=1e-3, weight_decay=0.1),
        oracle.rmsprop,
        {"rho": 0.9, "epsilon": 1e-3, "decay": 0.1},
    ),
    (RMSprop(momentum=0.9), oracle.rmsprop, {"momentum": 0.9}),
    (RMSprop(rho=0.9, centered=True), oracle.rmsprop, {"rho": 0.9, "centered": True}),
    (
        RMSprop(rho=0.9, centered=True, momentum=0.5, weight_decay=0.1),
        oracle.rmsprop,
        {"rho": 0.9, "momentum": 0.5, "centered": True, "decay": 0.1},
    ),
    (Adam(), oracle.adam, {}),
    (
        Adam(beta1=0.5, beta2=0.9, epsilon=1e-3),
        oracle.adam,
        {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
    ),
    (Adam(weight_decay=0.1), oracle.adam, {"decay": 0.1}),
    (Adam(amsgrad=True, beta2=0.5), oracle.adam, {"amsgrad": True, "beta2": 0.5}),
    (AdamW(weight_decay=0.1), oracle.adam, {"decay": 0.1, "decoupled": True}),
    (AdamW(beta1=0.0, weight_decay=0.0), oracle.adam, {"beta1": 0.0}),
    (Adamax(), oracle.adamax, {}),
    (
        Adamax(beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
        oracle.adamax,
        {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "decay": 0.1},
    ),
    (NAdam(), oracle.nadam, {}),
    (
        NAdam(beta1=0.5, beta2=0.9, epsilon=1e-3, momentum_decay=0.5, weight_decay=0.1),
        oracle.nadam,
        {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "momentum_decay": 0.5, "decay": 0.1},
    ),
    (
        NAdam(decoupled=True, weight_decay=0.1),
        oracle.nadam,
        {"decay": 0.1, "decoupled": True},
    ),
    (RAdam(), oracle.radam, {}),  # with β₂ = 0.999 the variance is known from the sixth step on
    (
        RAdam(beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
        oracle.radam,
        {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "decay": 0.1},
    ),
    (
        RAdam(decoupled=True, weight_decay=0.1),
        oracle.radam,
        {"decay": 0.1, "decoupled": True},
    ),
    (Adafactor(), oracle.adafactor, {}),
    (
        Adafactor(beta2_decay=-0.5, clip=0.3, epsilon1=1e-2, epsilon2=5.0, weight_decay=0.1),
        oracle.adafactor,
        {"power": -0.5, "clip": 0.3, "epsilon1": 1e-2, "epsilon2": 5.0, "decay": 0.1},
    ),
    (LAMB(), oracle.lamb, {}),
    (
        LAMB(beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
        oracle.lamb,
        {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "decay": 0.1},
    ),
    (Lion(), oracle.lion, {}),
    (
        Lion(beta1=0.5, beta2=0.8, weight_decay=0.1),
        oracle.lion,
        {"beta1": 0.5, "beta2": 0.8, "decay": 0.1},
    ),
    (Rprop(smallest=0.5, largest=3.0), oracle.rprop, {"smallest": 0.025, "largest": 0.15}),
    (
        Rprop(growth=1.5, reduction=0.2),
        oracle.rprop,
        {"growth": 1.5, "reduction": 0.2, "smallest": 5e-6, "largest": 250.0},
    ),
    (ASGD(), lambda *a: oracle.asgd(*a)[0], {}),
    (
        ASGD(decay=0.1, power=0.5, weight_decay=0.1),
        lambda *a, **options: oracle.asgd(*a, **options)[0],
        {"lambd": 0.1, "power": 0.5, "decay": 0.1},
    ),
]
IDS = [str(case[0]) for case in CASES]


def followed(optimizer: Optimizer, start, gradients, rates, *, as_tensor: bool = False):
    """θ and slots after one step per gradient."""
    theta = [torch.tensor(start)]
    slots = optimizer.slots(theta)
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.update(
            theta,
            [torch.tensor(gradient)],
            slots,
            learning_rate=torch.tensor(rate, dtype=torch.float64) if as_tensor else rate,
            weight_decay=optimizer.weight_decay,
        )
    return theta[0].numpy(), slots


def assert_same(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("as_tensor", [False, True], ids=["float rate", "tensor rate"])
@pytest.mark.parametrize(("optimizer", "equations", "options"), CASES, ids=IDS)
def test_an_optimiser_follows_its_equations(optimizer, equations, options, as_tensor):
    found, _ = followed(optimizer, START, GRADIENTS, [RATE] * STEPS, as_tensor=as_tensor)
    assert_same(found, equations(START, GRADIENTS, RATE, **options))


@pytest.mark.parametrize(("optimizer", "equations", "options"), CASES, ids=IDS)
def test_a_vector_follows_the_same_equations(optimizer, equations, options):
    start, gradients = START[0], EVEN[:, 0]
    found, _ = followed(optimizer, start, gradients, [RATE] * STEPS)
    assert_same(found, equations(start, gradients, RATE, **options))


@pytest.mark.parametrize("tall", [False, True], ids=["wide", "tall"])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (Muon(), {}),
        (Muon(momentum=0.5, nesterov=False, weight_decay=0.1), {"momentum": 0.5, "nesterov": False,
                                                               "decay": 0.1}),
        (Muon(scale="match_adamw"), {"scale": "match_adamw"}),
    ],
    ids=str,
)  # fmt: skip
def test_muon_follows_its_equations_on_matrices(optimizer, options, tall):
    start, gradients = (START.T, EVEN.transpose(0, 2, 1)) if tall else (START, EVEN)
    found, _ = followed(optimizer, start.copy(), gradients.copy(), [RATE] * STEPS)
    assert_same(found, oracle.muon(start, gradients, RATE, **options))


def test_muon_gives_every_direction_nearly_the_same_length():
    before = RNG.normal(size=(30, 8))
    after = torch.linalg.svdvals(torch.tensor(oracle.newton_schulz(before, 5)))
    assert 0.6 < after.min() < after.max() < 1.3


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (ScheduleFreeAdamW(), {}),
        (
            ScheduleFreeAdamW(beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
            {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "decay": 0.1},
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("warmup", [1, 8])
def test_schedule_free_adamw_follows_its_equations(optimizer, options, warmup):
    rates = [RATE * min(1.0, (t + 1) / warmup) for t in range(STEPS)]
    found, slots = followed(optimizer, START, GRADIENTS, rates)
    theta, average = oracle.schedule_free(START, GRADIENTS, rates, **options)
    assert_same(found, theta)
    assert_same(slots["average"][0].numpy(), average)


@pytest.mark.parametrize("start", [0.0, 5.0, 1e6])
def test_asgd_averages_its_path(start):
    _, slots = followed(ASGD(start=start), START, EVEN, [RATE] * STEPS)
    _, average = oracle.asgd(START, EVEN, RATE, start=start)
    assert_same(slots["average"][0].numpy(), average)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (FTRL(), {}),
        (FTRL(l1=0.5), {"l1": 0.5}),
        (FTRL(l1=0.3, beta=1.0, initial=0.0, weight_decay=0.7), {"l1": 0.3, "l2": 0.7, "beta": 1.0,
                                                                "initial": 0.0}),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("falling", [False, True], ids=["constant rate", "falling rate"])
def test_ftrl_follows_its_equations(optimizer, options, falling):
    rates = [0.3 / (1 + t if falling else 1) for t in range(STEPS)]
    found, _ = followed(optimizer, START, EVEN, rates)
    assert_same(found, oracle.ftrl(START, EVEN, rates, **options))


def test_ftrls_zeros_are_exact():
    found, _ = followed(FTRL(l1=3.0), START, EVEN, [0.3] * STEPS)
    expected = oracle.ftrl(START, EVEN, [0.3] * STEPS, l1=3.0)
    assert 0 < (expected == 0).sum() < expected.size
    assert_same(found == 0, expected == 0)


SLOPES = np.linspace(0.2, 3.0, 12).reshape(3, 4)


def slope(theta: np.ndarray) -> np.ndarray:
    """The gradient of Σ a·(½θ² + ¼θ⁴): steeper the further out."""
    return SLOPES * (theta + theta**3)


def walked(optimizer: Optimizer, steps: int = STEPS) -> Walk:
    walk = Walk(optimizer, [torch.tensor(START)])

    def function(theta):
        x = theta[0].numpy()
        cost = (SLOPES * (0.5 * x**2 + 0.25 * x**4)).sum()
        return torch.tensor(cost), [torch.tensor(slope(x))]

    for _ in range(steps):
        walk.step(function)
    return walk


@pytest.mark.parametrize(("steps", "pull"), [(1, 0.3), (6, 0.5), (7, 1.0)])
def test_lookahead_follows_its_equations(steps, pull):
    walk = walked(Lookahead(SGD(RATE), steps=steps, pull=pull))
    theta, slow = oracle.lookahead(START, slope, RATE, steps, pull, STEPS)
    assert_same(walk.theta[0].numpy(), theta)
    assert_same(walk.optimizer.shared_answer(walk.shared)[0].numpy(), slow)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_follows_its_equations(adaptive):
    walk = walked(SAM(SGD(RATE), rho=0.3, adaptive=adaptive))
    assert_same(walk.theta[0].numpy(), oracle.sam(START, slope, RATE, 0.3, adaptive, STEPS))


@pytest.mark.parametrize(("iterations", "steps"), [(1, 12), (4, 3)])
def test_lbfgs_follows_nocedals_two_loops(iterations, steps):
    options = {"iterations": iterations, "history": 3, "line_search": False}
    walk = walked(LBFGS(0.5, **options, evaluations=100, tolerance_change=0.0), steps)

    def flat(theta: np.ndarray) -> np.ndarray:
        return slope(theta.reshape(3, 4)).ravel()

    expected = oracle.lbfgs(START.ravel(), flat, 0.5, 3, iterations * steps)
    assert_same(walk.theta[0].numpy().ravel(), expected)


def test_centering_survives_a_constant_gradient():
    # The variance is then zero but for rounding; a root of what is below zero would be no number.
    optimizer, theta = RMSprop(rho=0.5, centered=True), [torch.zeros(1000)]
    slots = optimizer.slots(theta)
    gradient = [torch.linspace(1e-3, 1e3, 1000)]
    for _ in range(200):
        optimizer.update(theta, gradient, slots, learning_rate=1e-12, weight_decay=0.0)
    assert torch.isfinite(theta[0]).all()


def test_every_optimiser_has_an_oracle():
    apart = {Muon, ScheduleFreeAdamW, FTRL, Lookahead, SAM, LBFGS}
    assert {type(case[0]) for case in CASES} | apart == set(OPTIMIZERS.values())
