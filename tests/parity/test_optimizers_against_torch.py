"""Optimisers against torch.optim's, option by option, over 50 steps of a small network."""

from __future__ import annotations

import copy

import pytest
import torch

from ranvier.optim import SGD, Adam, AdamW, RMSprop, clip_by_global_norm_, clip_by_value_

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
