"""Layers of members against NumPy in float64, one member after the other, backward by hand.

Letters: x input, g = ∂L/∂a for the layer's output a, dx = ∂L/∂x; [B, K, I] rows, members, features.
"""

from __future__ import annotations

import numpy as np
import torch

from ranvier.nn import build
from ranvier.spec import MemberDense, Members, Network, SharedDense

ROWS, MEMBERS, FEATURES, UNITS = 7, 3, 5, 4
CLOSE = {"rtol": 0, "atol": 1e-10}


def draw(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def run(layer):
    """The layer in float64 on drawn numbers with drawn weights: x, g, a, dx, weights, gradients."""
    module = build(layer, (MEMBERS, FEATURES)).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i)))
    x = draw(ROWS, MEMBERS, FEATURES, seed=0)
    g = draw(ROWS, MEMBERS, UNITS, seed=1)
    rows = torch.from_numpy(x).requires_grad_()
    a = module(rows)
    a.backward(torch.from_numpy(g))
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return x, g, a.detach().numpy(), rows.grad.numpy(), weights, gradients


def test_a_member_dense_is_a_dense_layer_per_member():
    x, g, a, dx, w, found = run(MemberDense(UNITS, activation="tanh"))
    for k in range(MEMBERS):
        expected = np.tanh(x[:, k] @ w["weight"][k] + w["bias"][k])
        dz = g[:, k] * (1 - expected**2)
        np.testing.assert_allclose(a[:, k], expected, **CLOSE)
        np.testing.assert_allclose(dx[:, k], dz @ w["weight"][k].T, **CLOSE)
        np.testing.assert_allclose(found["weight"][k], x[:, k].T @ dz, **CLOSE)
        np.testing.assert_allclose(found["bias"][k], dz.sum(axis=0), **CLOSE)


def test_a_shared_dense_gives_member_k_the_weights_scaled_by_its_outer_product():
    x, g, a, dx, w, found = run(SharedDense(UNITS, activation="tanh"))
    shared = np.zeros_like(w["weight"])
    for k in range(MEMBERS):
        r, s = w["input_scale"][k], w["output_scale"][k]
        own = w["weight"] * np.outer(s, r)
        expected = np.tanh(x[:, k] @ own.T + w["bias"][k])
        dz = g[:, k] * (1 - expected**2)
        d_own = dz.T @ x[:, k]
        shared += d_own * np.outer(s, r)
        np.testing.assert_allclose(a[:, k], expected, **CLOSE)
        np.testing.assert_allclose(dx[:, k], dz @ own, **CLOSE)
        np.testing.assert_allclose(found["input_scale"][k], s @ (d_own * w["weight"]), **CLOSE)
        np.testing.assert_allclose(found["output_scale"][k], (d_own * w["weight"]) @ r, **CLOSE)
        np.testing.assert_allclose(found["bias"][k], dz.sum(axis=0), **CLOSE)
    np.testing.assert_allclose(found["weight"], shared, **CLOSE)


def test_every_member_sees_the_same_features_and_its_gradients_add_up():
    module = build(Members(MEMBERS), FEATURES)
    rows = torch.from_numpy(draw(ROWS, FEATURES, seed=0)).requires_grad_()
    a = module(rows)
    g = draw(ROWS, MEMBERS, FEATURES, seed=1)
    a.backward(torch.from_numpy(g))
    for k in range(MEMBERS):
        assert torch.equal(a[:, k], rows)
    np.testing.assert_allclose(rows.grad.numpy(), g.sum(axis=1), **CLOSE)


def test_a_network_of_members_is_as_many_networks():
    network = Network(Members(MEMBERS), MemberDense(UNITS, activation="relu"), MemberDense(2))
    module = build(network, FEATURES, seed=3).double()
    x = draw(ROWS, FEATURES, seed=0)
    together = module(torch.from_numpy(x)).detach().numpy()
    w = {name: p.detach().numpy() for name, p in module.named_parameters()}
    for k in range(MEMBERS):
        hidden = np.maximum(x @ w["member_dense_1.weight"][k] + w["member_dense_1.bias"][k], 0)
        alone = hidden @ w["member_dense_2.weight"][k] + w["member_dense_2.bias"][k]
        np.testing.assert_allclose(together[:, k], alone, **CLOSE)
