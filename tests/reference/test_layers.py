"""Layers against NumPy in float64, written from the equations, the backward pass by hand.

Letters: x input, g = ∂L/∂a for the layer's output a, dx = ∂L/∂x; [B, N] rows and features. Each
oracle gives the output and the gradients of Σ g ⊙ a, and owes nothing to torch.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    ACTIVATIONS,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Network,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    Residual,
    TableFeatures,
)
from tests.reference.activation_oracle import activation_oracle

ROWS, FEATURES, UNITS = 7, 5, 4
CLOSE = {"rtol": 0, "atol": 1e-10}


def draw(*shape, seed=0, scale=1.5):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def module_of(layer, shape, *, train=False, seed=5):
    """The module in float64 with weights that are not what it started with."""
    module = build(layer, shape, seed=seed).double().train(train)
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i, scale=0.7)))
    return module


def forward_and_backward(module, x, g):
    """What torch gives: a, ∂/∂x and ∂/∂parameter by name, all as arrays."""
    rows = torch.from_numpy(x).requires_grad_()
    a = module(rows)
    a.backward(torch.from_numpy(g))
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return a.detach().numpy(), rows.grad.numpy(), gradients


def weights_of(module):
    return {name: p.detach().numpy().copy() for name, p in module.named_parameters()}


def dense_oracle(x, weight, bias, name, g):
    """z = x Wᵀ + b, a = f(z): dW = dzᵀ x, db = Σ dz, dx = dz W."""
    a, dz = activation_oracle(name, x @ weight.T + bias, g)
    return a, dz @ weight, dz.T @ x, dz.sum(axis=0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense(name):
    x, g = draw(ROWS, FEATURES), draw(ROWS, UNITS, seed=1)
    module = module_of(Dense(UNITS, activation=name), FEATURES)
    own = weights_of(module)
    a, dx, gradients = forward_and_backward(module, x, g)
    expected = dense_oracle(x, own["weight"], own["bias"], name, g)
    found = (a, dx, gradients["weight"], gradients["bias"])
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)


def test_a_dense_residual_network_from_end_to_end():
    x, g = draw(ROWS, FEATURES), draw(ROWS, UNITS, seed=1)
    network = Network(Residual(Dense(FEATURES, activation="tanh")), Dense(UNITS, activation="gelu"))
    module = module_of(network, FEATURES)
    own = weights_of(module)
    a, dx, gradients = forward_and_backward(module, x, g)
    first = (own["residual_0.dense_0.weight"], own["residual_0.dense_0.bias"], "tanh")
    last = (own["dense_1.weight"], own["dense_1.bias"], "gelu")
    middle = x + dense_oracle(x, *first, np.zeros_like(x))[0]
    expected, dmiddle, dweight, _ = dense_oracle(middle, *last, g)
    _, dinside, dfirst, _ = dense_oracle(x, *first, dmiddle)
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(gradients["dense_1.weight"], dweight, **CLOSE)
    np.testing.assert_allclose(gradients["residual_0.dense_0.weight"], dfirst, **CLOSE)
    np.testing.assert_allclose(dx, dmiddle + dinside, **CLOSE)


def normal_oracle(x, g, gamma, beta, axis, epsilon):
    """a = γ n + β, n = (x − μ)/s: dx = (γg − mean(γg) − n mean(γg n)) / s, means over `axis`."""
    s = np.sqrt(x.var(axis=axis, keepdims=True) + epsilon)
    n = (x - x.mean(axis=axis, keepdims=True)) / s
    h = gamma * g
    along = (h * n).mean(axis=axis, keepdims=True)
    dx = (h - h.mean(axis=axis, keepdims=True) - n * along) / s
    others = tuple(range(x.ndim - 1))
    return gamma * n + beta, dx, (g * n).sum(axis=others), g.sum(axis=others)


@pytest.mark.parametrize("shape", [(FEATURES,), (3, FEATURES)], ids=str)
def test_batch_norm_in_training(shape):
    x, g = draw(ROWS, *shape) + 2, draw(ROWS, *shape, seed=1)
    module = module_of(BatchNorm(momentum=0.3, epsilon=1e-3), shape, train=True)
    own = weights_of(module)
    a, dx, gradients = forward_and_backward(module, x, g)
    over = tuple(range(x.ndim - 1))
    expected = normal_oracle(x, g, own["weight"], own["bias"], over, 1e-3)
    found = (a, dx, gradients["weight"], gradients["bias"])
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)
    variance = x.reshape(-1, FEATURES).var(axis=0, ddof=1)
    np.testing.assert_allclose(module.running_mean.numpy(), 0.3 * x.mean(axis=over), **CLOSE)
    np.testing.assert_allclose(module.running_var.numpy(), 0.7 + 0.3 * variance, **CLOSE)


def test_batch_norm_in_evaluation_uses_the_running_statistics():
    x, g = draw(ROWS, FEATURES), draw(ROWS, FEATURES, seed=1)
    module = module_of(BatchNorm(), FEATURES)
    mean, variance = draw(FEATURES, seed=3), draw(FEATURES, seed=4) ** 2 + 0.1
    module.running_mean.copy_(torch.from_numpy(mean))
    module.running_var.copy_(torch.from_numpy(variance))
    own, s = weights_of(module), np.sqrt(variance + 1e-5)
    a, dx, gradients = forward_and_backward(module, x, g)
    np.testing.assert_allclose(a, own["weight"] * (x - mean) / s + own["bias"], **CLOSE)
    np.testing.assert_allclose(dx, g * own["weight"] / s, **CLOSE)
    np.testing.assert_allclose(gradients["weight"], (g * (x - mean) / s).sum(axis=0), **CLOSE)
    np.testing.assert_allclose(gradients["bias"], g.sum(axis=0), **CLOSE)


@pytest.mark.parametrize("shape", [(FEATURES,), (3, FEATURES)], ids=str)
def test_layer_norm(shape):
    x, g = draw(ROWS, *shape) + 2, draw(ROWS, *shape, seed=1)
    module = module_of(LayerNorm(epsilon=1e-3), shape)
    own = weights_of(module)
    a, dx, gradients = forward_and_backward(module, x, g)
    expected = normal_oracle(x, g, own["weight"], own["bias"], -1, 1e-3)
    found = (a, dx, gradients["weight"], gradients["bias"])
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)


def test_dropout_keeps_the_expectation_and_the_share_it_says():
    rate, count = 0.3, 200_000
    module = build(Dropout(rate), 1).double().train()
    torch.manual_seed(0)
    x = torch.full((count, 1), 2.0, dtype=torch.float64, requires_grad=True)
    a = module(x)
    a.sum().backward()
    kept = (a != 0).double().mean().item()
    deviation = math.sqrt(rate * (1 - rate) / count)
    assert abs(kept - (1 - rate)) < 5 * deviation
    assert abs(a.mean().item() - 2.0) < 5 * 2.0 * deviation / (1 - rate)
    # What is kept is 2 / (1 − rate), and its slope 1 / (1 − rate) goes the same way back.
    np.testing.assert_allclose(a.detach().numpy(), 2.0 * x.grad.numpy(), **CLOSE)
    assert torch.equal(module.eval()(x), x)


def test_embedding():
    codes = np.random.default_rng(0).integers(0, 6, size=(ROWS, 2))
    g = draw(ROWS, 2, UNITS, seed=1)
    module = module_of(Embedding(6, UNITS), 2)
    own = weights_of(module)["weight"]
    a = module(torch.from_numpy(codes.astype(np.float32)))
    a.backward(torch.from_numpy(g))
    expected = np.zeros_like(own)
    np.add.at(expected, codes, g)
    np.testing.assert_allclose(a.detach().numpy(), own[codes], **CLOSE)
    np.testing.assert_allclose(module.weight.grad.numpy(), expected, **CLOSE)


def test_periodic_embedding():
    x, g = draw(ROWS, 3), draw(ROWS, 12, seed=1).reshape(ROWS, 3, 4)
    module = module_of(PeriodicEmbedding(units=4, frequencies=6), 3)
    own = weights_of(module)
    angle = 2 * math.pi * own["frequency"] * x[..., None] + own["phase"]
    mixed = np.stack([np.cos(angle[:, j]) @ own["weight"][j].T for j in range(3)], axis=1)
    expected = np.concatenate([x[..., None], mixed + own["bias"]], axis=-1)
    h = g[..., 1:]
    dangle = -np.sin(angle) * np.stack([h[:, j] @ own["weight"][j] for j in range(3)], axis=1)
    a, dx, gradients = forward_and_backward(module, x, g.reshape(ROWS, 12))
    np.testing.assert_allclose(a, expected.reshape(ROWS, 12), **CLOSE)
    slope = 2 * math.pi * own["frequency"]
    np.testing.assert_allclose(dx, g[..., 0] + (dangle * slope).sum(axis=-1), **CLOSE)
    np.testing.assert_allclose(gradients["phase"], dangle.sum(axis=0), **CLOSE)
    frequency = (dangle * 2 * math.pi * x[..., None]).sum(axis=0)
    np.testing.assert_allclose(gradients["frequency"], frequency, **CLOSE)
    weight = np.stack([h[:, j].T @ np.cos(angle[:, j]) for j in range(3)])
    np.testing.assert_allclose(gradients["weight"], weight, **CLOSE)


def test_piecewise_embedding():
    edges = ((-1.0, 0.0, 0.5, 2.0), (0.0, 1.0))
    x = np.array([[-3.0, -2.0], [-0.5, 0.25], [0.25, 0.5], [1.0, 3.0], [5.0, 0.75]])
    g = draw(5, 2 * UNITS, seed=2)
    module = module_of(PiecewiseEmbedding(edges, UNITS), 2)
    own = weights_of(module)
    first = np.array([[0, 0, 0], [0.5, 0, 0], [1, 0.5, 0], [1, 1, 1 / 3], [1, 1, 1]])
    second = np.array([[0, 0, 0], [0.25, 0, 0], [0.5, 0, 0], [1, 0, 0], [0.75, 0, 0]])
    a, dx, gradients = forward_and_backward(module, x, g)
    # The bin that x stands in, by its steepness 1 / width; outside the edges there is none.
    steep = [
        np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 1 / 1.5], [0, 0, 0]]),
        np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]]),
    ]
    for j, share in enumerate((first, second)):
        e, ge = (m[:, j * UNITS : (j + 1) * UNITS] for m in (a, g))
        line = np.outer(x[:, j], own["slope"][j]) + own["bias"][j]
        np.testing.assert_allclose(e, share @ own["weight"][j].T + line, **CLOSE)
        slope = steep[j] @ own["weight"][j].T + own["slope"][j]
        np.testing.assert_allclose(dx[:, j], (ge * slope).sum(axis=1), **CLOSE)
        np.testing.assert_allclose(gradients["weight"][j], ge.T @ share, **CLOSE)
        np.testing.assert_allclose(gradients["slope"][j], ge.T @ x[:, j], **CLOSE)
        np.testing.assert_allclose(gradients["bias"][j], ge.sum(axis=0), **CLOSE)


def test_table_features():
    """Numbers as they are; codes one-hot, missing all zeros; a two as ±1; a wide one learnt."""
    layer = TableFeatures(numeric=1, cardinalities=(2, 3, 4, 12), embedding=2)
    module = module_of(layer, 5)
    learnt = weights_of(module)["embedding_2"]
    x = np.array([[0.5, 0, 0, 0, 0], [1.5, 1, 1, 3, 11], [2.5, 1, 2, 1, 7]])
    constants = np.array([[0.5, 0, 0, 0, 0, 0], [1.5, 1, -1, 0, 0, 1], [2.5, 1, 1, 1, 0, 0]])
    expected = np.concatenate([constants, learnt[[0, 11, 7]]], axis=1)
    a, dx, gradients = forward_and_backward(module, x, np.ones((3, 8)))
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, np.eye(5)[[0, 0, 0]], **CLOSE)
    touched = np.isin(range(12), (0, 7, 11))
    np.testing.assert_allclose(gradients["embedding_2"].sum(axis=1), 2 * touched)
