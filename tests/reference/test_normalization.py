"""Normalisation and weights made of others, against NumPy with the backward pass by hand.

Letters as in `test_layers`; n is what is normalised, h = γ ⊙ g what reaches it on the way back.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.spec import (
    Dense,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    SpectralNorm,
    UnitNorm,
    WeightNorm,
)
from tests.reference.test_layers import (
    CLOSE,
    draw,
    forward_and_backward,
    module_of,
    weights_of,
)

ROWS, FEATURES = 5, 6


def centred(x, h, axis, epsilon):
    """n = (x − μ)/s, s = √(σ² + ε): dx = (h − mean h − n mean(h n)) / s."""
    s = np.sqrt(x.var(axis=axis, keepdims=True) + epsilon)
    n = (x - x.mean(axis=axis, keepdims=True)) / s
    along = (h * n).mean(axis=axis, keepdims=True)
    return n, (h - h.mean(axis=axis, keepdims=True) - n * along) / s


def scaled_to_one(x, h, axis, epsilon):
    """n = x / r, r = √(mean x² + ε): dx = (h − n mean(h n)) / r."""
    r = np.sqrt((x**2).mean(axis=axis, keepdims=True) + epsilon)
    n = x / r
    return n, (h - n * (h * n).mean(axis=axis, keepdims=True)) / r


def to_unit_length(x, h, axis):
    """n = x / ‖x‖: dx = (h − n (h · n)) / ‖x‖."""
    length = np.sqrt((x**2).sum(axis=axis, keepdims=True))
    n = x / length
    return n, (h - n * (h * n).sum(axis=axis, keepdims=True)) / length


def grouped(values, groups):
    """Features of a group on an axis of their own, after all places: [B, P, groups, C/groups]."""
    return values.reshape(values.shape[0], -1, groups, values.shape[-1] // groups)


def check(layer, shape, oracle, *, learnt=(FEATURES,)):
    """Output and gradients of a module against those of `oracle(x, h) -> n, dx`."""
    x, g = draw(ROWS, *shape) + 1, draw(ROWS, *shape, seed=1)
    module = module_of(layer, shape)
    own = weights_of(module)
    gamma, beta = own.get("weight", 1.0), own.get("bias", 0.0)
    n, dx = oracle(x, gamma * g)
    a, found, gradients = forward_and_backward(module, x, g)
    np.testing.assert_allclose(a, gamma * n + beta, **CLOSE)
    np.testing.assert_allclose(found, dx, **CLOSE)
    others = tuple(range(x.ndim - len(learnt)))
    if "weight" in own:
        np.testing.assert_allclose(gradients["weight"], (g * n).sum(axis=others), **CLOSE)
    if "bias" in own:
        np.testing.assert_allclose(gradients["bias"], g.sum(axis=others), **CLOSE)


@pytest.mark.parametrize("shape", [(FEATURES,), (3, FEATURES), (2, 3, FEATURES)], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_group_norm(shape, groups):
    def oracle(x, h):
        n, dx = centred(grouped(x, groups), grouped(h, groups), (1, 3), 1e-3)
        return n.reshape(x.shape), dx.reshape(x.shape)

    check(GroupNorm(groups, epsilon=1e-3), shape, oracle)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(4, FEATURES), (2, 3, FEATURES), (2, 2, 2, FEATURES)], ids=str)
def test_instance_norm(shape, affine):
    places = tuple(range(1, len(shape)))
    check(
        InstanceNorm(epsilon=1e-3, affine=affine),
        shape,
        lambda x, h: centred(x, h, places, 1e-3),
    )


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_layer_norm_over_the_last_axes(axes):
    shape = (2, 3, FEATURES)
    over = tuple(range(-axes, 0))
    layer = LayerNorm(axes=axes, epsilon=1e-3)
    check(layer, shape, lambda x, h: centred(x, h, over, 1e-3), learnt=shape[-axes:])


@pytest.mark.parametrize("axes", [1, 2])
def test_rms_norm(axes):
    shape = (2, 3, FEATURES)
    over = tuple(range(-axes, 0))
    layer = RMSNorm(axes=axes, epsilon=1e-3)
    check(layer, shape, lambda x, h: scaled_to_one(x, h, over, 1e-3), learnt=shape[-axes:])


@pytest.mark.parametrize("axes", [1, 2])
def test_unit_norm(axes):
    over = tuple(range(-axes, 0))
    check(UnitNorm(axes=axes), (3, FEATURES), lambda x, h: to_unit_length(x, h, over))


def test_unit_norm_leaves_a_zero_a_zero():
    a, dx, _ = forward_and_backward(
        module_of(UnitNorm(), FEATURES), np.zeros((2, FEATURES)), np.ones((2, FEATURES))
    )
    assert not a.any() and np.isfinite(dx).all()


def test_weight_norm():
    """W = g v/‖v‖: dg = Σ dW v/‖v‖, dv = (g/‖v‖)(dW − (dW · v/‖v‖) v/‖v‖), a row at a time."""
    x, g = draw(ROWS, FEATURES), draw(ROWS, 4, seed=1)
    module = module_of(WeightNorm(Dense(4)), FEATURES)
    own = weights_of(module)
    v, scale, bias = own["layer.weight"], own["weight_scale"], own["layer.bias"]
    length = np.sqrt((v**2).sum(axis=1, keepdims=True))
    direction = v / length
    a, dx, gradients = forward_and_backward(module, x, g)
    dweight = g.T @ x
    along = (dweight * direction).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(a, x @ (scale * direction).T + bias, **CLOSE)
    np.testing.assert_allclose(dx, g @ (scale * direction), **CLOSE)
    np.testing.assert_allclose(gradients["weight_scale"], along, **CLOSE)
    expected = scale / length * (dweight - along * direction)
    np.testing.assert_allclose(gradients["layer.weight"], expected, **CLOSE)


def test_spectral_norm():
    """W = V/σ, σ = uᵀVv at the singular vectors u, v: dV = (dW − (dW · W) u vᵀ) / σ."""
    x, g = draw(ROWS, FEATURES), draw(ROWS, 4, seed=1)
    module = module_of(SpectralNorm(Dense(4)), FEATURES)
    own = weights_of(module)
    weight, bias = own["layer.weight"], own["layer.bias"]
    u, s, vt = np.linalg.svd(weight)
    with torch.no_grad():
        module.weight_left.copy_(torch.from_numpy(u[:, 0]))
        module.weight_right.copy_(torch.from_numpy(vt[0]))
    a, dx, gradients = forward_and_backward(module, x, g)
    normal, dweight = weight / s[0], g.T @ x
    np.testing.assert_allclose(a, x @ normal.T + bias, **CLOSE)
    np.testing.assert_allclose(dx, g @ normal, **CLOSE)
    expected = (dweight - (dweight * normal).sum() * np.outer(u[:, 0], vt[0])) / s[0]
    np.testing.assert_allclose(gradients["layer.weight"], expected, **CLOSE)


def test_power_iteration_finds_the_largest_singular_value():
    module = module_of(SpectralNorm(Dense(4), iterations=50), FEATURES, train=True)
    weight = weights_of(module)["layer.weight"]
    module(torch.zeros(1, FEATURES, dtype=torch.float64))
    left, right = module.weight_left.numpy(), module.weight_right.numpy()
    assert left @ weight @ right == pytest.approx(np.linalg.svd(weight)[1][0], abs=1e-8)
