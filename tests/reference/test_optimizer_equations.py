"""Every optimiser against its equations in NumPy float64, 20 steps long."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ranvier.optim import SGD, Adam, AdamW, Optimizer, RMSprop

STEPS, RATE = 20, 0.05
RNG = np.random.default_rng(11)
START = RNG.normal(size=(3, 4))
GRADIENTS = RNG.normal(size=(STEPS, 3, 4)) * 10.0 ** RNG.integers(-6, 4, size=(STEPS, 1, 1))


def sgd(theta, momentum=0.0, nesterov=False, decay=0.0):
    v = np.zeros_like(theta)
    for g in GRADIENTS:
        g = g + decay * theta
        v = momentum * v + g
        theta = theta - RATE * (g + momentum * v if nesterov else v)
    return theta


def adam(theta, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0, decoupled=False):
    m = v = np.zeros_like(theta)
    for t, g in enumerate(GRADIENTS, start=1):
        if decoupled:
            theta = theta - RATE * decay * theta
        else:
            g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - RATE * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


def rmsprop(theta, rho=0.99, epsilon=1e-8, momentum=0.0, centered=False, decay=0.0):
    v, m, u = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for g in GRADIENTS:
        g = g + decay * theta
        v = rho * v + (1 - rho) * g**2
        m = rho * m + (1 - rho) * g
        u = momentum * u + g / (np.sqrt(v - m**2 if centered else v) + epsilon)
        theta = theta - RATE * u
    return theta


CASES: list[tuple[Optimizer, Callable[[np.ndarray], np.ndarray]]] = [
    (SGD(), lambda theta: sgd(theta)),
    (SGD(weight_decay=0.1), lambda theta: sgd(theta, decay=0.1)),
    (SGD(momentum=0.9), lambda theta: sgd(theta, 0.9)),
    (SGD(momentum=0.8, nesterov=True, weight_decay=0.1), lambda theta: sgd(theta, 0.8, True, 0.1)),
    (Adam(), lambda theta: adam(theta)),
    (Adam(beta1=0.5, beta2=0.9, epsilon=1e-3), lambda theta: adam(theta, 0.5, 0.9, 1e-3)),
    (Adam(weight_decay=0.1), lambda theta: adam(theta, decay=0.1)),
    (AdamW(weight_decay=0.1), lambda theta: adam(theta, decay=0.1, decoupled=True)),
    (AdamW(beta1=0.0, weight_decay=0.0), lambda theta: adam(theta, beta1=0.0)),
    (RMSprop(), lambda theta: rmsprop(theta)),
    (RMSprop(rho=0.9, epsilon=1e-3, weight_decay=0.1), lambda t: rmsprop(t, 0.9, 1e-3, decay=0.1)),
    (RMSprop(momentum=0.9), lambda theta: rmsprop(theta, momentum=0.9)),
    (RMSprop(rho=0.9, centered=True), lambda theta: rmsprop(theta, 0.9, centered=True)),
    (
        RMSprop(rho=0.9, centered=True, momentum=0.5, weight_decay=0.1),
        lambda theta: rmsprop(theta, 0.9, momentum=0.5, centered=True, decay=0.1),
    ),
]


@pytest.mark.parametrize("rate", [float, torch.tensor], ids=["float rate", "tensor rate"])
@pytest.mark.parametrize(("optimizer", "oracle"), CASES, ids=[str(case[0]) for case in CASES])
def test_an_optimiser_follows_its_equations(optimizer, oracle, rate):
    theta = [torch.tensor(START)]
    slots = optimizer.slots(theta)
    learning_rate = RATE if rate is float else torch.tensor(RATE, dtype=torch.float64)
    for gradient in GRADIENTS:
        optimizer.update(
            theta,
            [torch.tensor(gradient)],
            slots,
            learning_rate=learning_rate,
            weight_decay=optimizer.weight_decay,
        )
    np.testing.assert_allclose(theta[0].numpy(), oracle(START), rtol=1e-10, atol=1e-10)


def test_centering_survives_a_constant_gradient():
    # The variance is then zero but for rounding; a root of what is below zero would be no number.
    optimizer, theta = RMSprop(rho=0.5, centered=True), [torch.zeros(1000)]
    slots = optimizer.slots(theta)
    gradient = [torch.linspace(1e-3, 1e3, 1000)]
    for _ in range(200):
        optimizer.update(theta, gradient, slots, learning_rate=1e-12, weight_decay=0.0)
    assert torch.isfinite(theta[0]).all()
