"""Optimisers against torch.optim's, option by option, over 50 steps of a small network."""

from __future__ import annotations

import copy

import pytest
import torch

from ranvier.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    clip_by_global_norm_,
    clip_by_value_,
)

RATE = 0.01
DECAY = {"weight_decay": 0.1}
EXACT = [
    (SGD(RATE), torch.optim.SGD, {}),
    (SGD(RATE, **DECAY), torch.optim.SGD, DECAY),
    (SGD(RATE, momentum=0.9), torch.optim.SGD, {"momentum": 0.9}),
    (
        SGD(RATE, momentum=0.9, nesterov=True, **DECAY),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True, **DECAY},
    ),
    (Adam(RATE), torch.optim.Adam, {}),
    (Adam(RATE, **DECAY), torch.optim.Adam, DECAY),
    (
        Adam(RATE, beta1=0.8, beta2=0.95, epsilon=1e-4),
        torch.optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-4},
    ),
    (Adam(RATE, amsgrad=True), torch.optim.Adam, {"amsgrad": True}),
    (Adagrad(RATE), torch.optim.Adagrad, {}),
    (
        Adagrad(RATE, decay=0.1, initial=0.2, epsilon=1e-4, **DECAY),
        torch.optim.Adagrad,
        {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-4, **DECAY},
    ),
    (AdamW(RATE), torch.optim.AdamW, {}),
    (AdamW(RATE, **DECAY), torch.optim.AdamW, DECAY),
    (
        AdamW(RATE, weight_decay=0.0, beta2=0.95),
        torch.optim.AdamW,
        {"weight_decay": 0.0, "betas": (0.9, 0.95)},
    ),
]
ROUNDED = [
    (RMSprop(RATE), torch.optim.RMSprop, {}),
    (
        RMSprop(RATE, rho=0.9, epsilon=1e-5, **DECAY),
        torch.optim.RMSprop,
        {"alpha": 0.9, "eps": 1e-5, **DECAY},
    ),
    (RMSprop(RATE, momentum=0.9), torch.optim.RMSprop, {"momentum": 0.9}),
    (RMSprop(RATE, centered=True), torch.optim.RMSprop, {"centered": True}),
    (
        RMSprop(RATE, centered=True, momentum=0.5, **DECAY),
        torch.optim.RMSprop,
        {"centered": True, "momentum": 0.5, **DECAY},
    ),
    (Adadelta(RATE), torch.optim.Adadelta, {}),
    (
        Adadelta(RATE, rho=0.5, epsilon=1e-3, **DECAY),
        torch.optim.Adadelta,
        {"rho": 0.5, "eps": 1e-3, **DECAY},
    ),
    (Adamax(RATE), torch.optim.Adamax, {}),
    (
        Adamax(RATE, beta1=0.8, beta2=0.95, **DECAY),
        torch.optim.Adamax,
        {"betas": (0.8, 0.95), **DECAY},
    ),
    (NAdam(RATE), torch.optim.NAdam, {}),
    (
        NAdam(RATE, momentum_decay=0.1, decoupled=True, **DECAY),
        torch.optim.NAdam,
        {"momentum_decay": 0.1, "decoupled_weight_decay": True, **DECAY},
    ),
    (RAdam(RATE), torch.optim.RAdam, {}),
    (
        RAdam(RATE, beta2=0.95, decoupled=True, **DECAY),
        torch.optim.RAdam,
        {"betas": (0.9, 0.95), "decoupled_weight_decay": True, **DECAY},
    ),
    (Adafactor(RATE), torch.optim.Adafactor, {}),
    (
        Adafactor(RATE, beta2_decay=-0.5, clip=1.5, epsilon1=1e-4, epsilon2=0.1, **DECAY),
        torch.optim.Adafactor,
        {"beta2_decay": -0.5, "d": 1.5, "eps": (1e-4, 0.1), **DECAY},
    ),
    (Rprop(RATE), torch.optim.Rprop, {}),
    (
        Rprop(RATE, growth=1.1, reduction=0.3, smallest=0.01, largest=2.0),
        torch.optim.Rprop,
        {"etas": (0.3, 1.1), "step_sizes": (0.01 * RATE, 2.0 * RATE)},
    ),
    (ASGD(RATE), torch.optim.ASGD, {}),
    (ASGD(RATE, decay=0.1, **DECAY), torch.optim.ASGD, {"lambd": 0.1, **DECAY}),
]


def network() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return torch.nn.Sequential(
            torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1), torch.nn.Flatten(0)
        )


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    inputs = torch.randn(32, 6, generator=generator)
    return inputs, inputs.square().sum(1)


def gradients(module: torch.nn.Module, step: int) -> list[torch.Tensor]:
    inputs, target = batch(step)
    loss = torch.nn.functional.mse_loss(module(inputs), target)
    return list(torch.autograd.grad(loss, list(module.parameters())))


def trained_by_both(optimizer, peer_class, options, *, fused, rate=RATE):
    ours, theirs = network(), network()
    parameters = list(ours.parameters())
    slots = optimizer.slots(parameters)
    peer = peer_class(theirs.parameters(), lr=RATE, **({"fused": True} if fused else {}), **options)
    for step in range(50):
        optimizer.update(
            parameters,
            gradients(ours, step),
            slots,
            learning_rate=rate,
            weight_decay=optimizer.weight_decay,
        )
        for parameter, gradient in zip(theirs.parameters(), gradients(theirs, step), strict=True):
            parameter.grad = gradient
        peer.step()
    return list(zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize(("optimizer", "peer", "options"), EXACT, ids=[str(c[0]) for c in EXACT])
def test_the_fused_optimisers_are_bit_equal_to_torchs(optimizer, peer, options):
    for ours, theirs in trained_by_both(optimizer, peer, options, fused=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("optimizer", "peer", "options"), EXACT + ROUNDED, ids=[str(c[0]) for c in EXACT + ROUNDED]
)
def test_an_optimiser_is_torchs_plain_loop_but_for_rounding(optimizer, peer, options):
    for ours, theirs in trained_by_both(optimizer, peer, options, fused=False):
        torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("optimizer", [c[0] for c in EXACT + ROUNDED], ids=str)
def test_a_tensor_as_learning_rate_gives_the_same_weights(optimizer):
    runs = []
    for rate in (RATE, torch.tensor(RATE)):
        module = network()
        parameters = list(module.parameters())
        slots = optimizer.slots(parameters)
        for step in range(10):
            optimizer.update(
                parameters,
                gradients(module, step),
                slots,
                learning_rate=rate,
                weight_decay=optimizer.weight_decay,
            )
        runs.append(parameters)
    for by_float, by_tensor in zip(*runs, strict=True):
        torch.testing.assert_close(by_float, by_tensor, rtol=1e-5, atol=1e-7)


def test_the_first_velocity_is_damped_too_which_torchs_is_not():
    # torch starts the velocity at the whole first gradient; a start at zero is damped as all others.
    ours, theirs = torch.zeros(1), torch.zeros(1, requires_grad=True)
    optimizer = SGD(1.0, momentum=0.9, dampening=0.5)
    slots = optimizer.slots([ours])
    peer = torch.optim.SGD([theirs], lr=1.0, momentum=0.9, dampening=0.5)
    peer.state[theirs]["momentum_buffer"] = torch.zeros(1)
    for gradient in (torch.tensor([4.0]), torch.tensor([2.0])):
        optimizer.update([ours], [gradient], slots, learning_rate=1.0, weight_decay=0.0)
        theirs.grad = gradient.clone()
        peer.step()
    assert torch.equal(ours, theirs.detach())


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (Muon(RATE), {"weight_decay": 0.0}),
        (Muon(RATE, momentum=0.8, nesterov=False, **DECAY), {"momentum": 0.8, "nesterov": False}),
        (
            Muon(RATE, scale="match_adamw", iterations=3, **DECAY),
            {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(6, 16), (16, 6)])
def test_muon_is_torchs_but_for_the_bfloat16_inside_torchs(optimizer, options, shape):
    ours, theirs = torch.ones(shape), torch.nn.Parameter(torch.ones(shape))
    slots = optimizer.slots([ours])
    peer = torch.optim.Muon([theirs], lr=RATE, **{**DECAY, **options})
    for step in range(5):
        gradient = torch.randn(shape, generator=torch.Generator().manual_seed(step))
        optimizer.update(
            [ours], [gradient], slots, learning_rate=RATE, weight_decay=optimizer.weight_decay
        )
        theirs.grad = gradient
        peer.step()
    # Five steps of about RATE each, off by the 2⁻⁸ of bfloat16 and what the iterations make of it.
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=5 * RATE * 0.05)


@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e3])
def test_clipping_by_the_global_norm_is_torchs(limit):
    module = network()
    ours = gradients(module, 0)
    for parameter, gradient in zip(module.parameters(), copy.deepcopy(ours), strict=True):
        parameter.grad = gradient
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), limit)
    torch.testing.assert_close(clip_by_global_norm_(ours, limit), norm)
    for gradient, parameter in zip(ours, module.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_clipping_by_value_is_torchs():
    module = network()
    ours = gradients(module, 0)
    for parameter, gradient in zip(module.parameters(), copy.deepcopy(ours), strict=True):
        parameter.grad = gradient
    torch.nn.utils.clip_grad_value_(module.parameters(), 0.1)
    clip_by_value_(ours, 0.1)
    for gradient, parameter in zip(ours, module.parameters(), strict=True):
        assert torch.equal(gradient, parameter.grad)
