"""Every activation against its equation in NumPy float64, the derivative by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    ACTIVATIONS,
    GEGLU,
    GLU,
    Activation,
    Maxout,
    PReLU,
    ReGLU,
    RReLU,
    SwiGLU,
)
from tests.reference.activation_oracle import OVER_FEATURES, SLOPES, activation_oracle

ROWS, FEATURES = 7, 6
CLOSE = {"rtol": 0, "atol": 1e-10}
LARGE = np.array([-1e4, -800.0, -100.0, -40.5, -21.0, 21.0, 40.5, 100.0, 800.0, 1e4])

OTHER_PARAMETERS = [
    ("leaky_relu", {"slope": 0.3}),
    ("threshold", {"threshold": -0.5, "value": -2.0}),
    ("elu", {"alpha": 0.4}),
    ("celu", {"alpha": 0.4}),
    ("softplus", {"beta": 2.5}),
    ("squareplus", {"b": 0.3}),
    ("hard_tanh", {"low": -0.5, "high": 2.0}),
    ("soft_shrink", {"threshold": 1.2}),
    ("hard_shrink", {"threshold": 1.2}),
]


def draw(*shape, seed=0, scale=1.5):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def forward_and_backward(layer, z, g, *, weight=None):
    """What the built module gives in float64: a, ∂/∂z, and ∂/∂weight where there is one."""
    module = build(layer, z.shape[1:]).double().eval()
    if weight is not None:
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
    rows = torch.from_numpy(z).requires_grad_()
    a = module(rows)
    a.backward(torch.from_numpy(g))
    slope = None if weight is None else module.weight.grad.numpy()
    return a.detach().numpy(), rows.grad.numpy(), slope


def test_every_activation_has_an_oracle():
    assert {*SLOPES, *OVER_FEATURES} == set(ACTIVATIONS)


def test_every_parameter_is_tried_with_another_value():
    tried = {name: set(parameters) for name, parameters in OTHER_PARAMETERS}
    assert tried == {name: set(f.options) for name, f in ACTIVATIONS.items() if f.options}


@pytest.mark.parametrize(
    ("name", "parameters"), [*((name, {}) for name in ACTIVATIONS), *OTHER_PARAMETERS]
)
def test_value_and_derivative_are_the_equation_s(name, parameters):
    z = np.concatenate([draw(20, FEATURES), 4 * draw(20, FEATURES, seed=1)])
    g = draw(*z.shape, seed=2)
    a, dz, _ = forward_and_backward(Activation(name, **parameters), z, g)
    expected, expected_dz = activation_oracle(name, z, g, **parameters)
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dz, expected_dz, **CLOSE)


@pytest.mark.parametrize("name", [name for name in SLOPES if name != "exponential"])
def test_far_from_zero_an_activation_is_finite_and_right(name):
    g = np.ones((1, LARGE.size))
    a, dz, _ = forward_and_backward(Activation(name), LARGE[None], g)
    expected, expected_dz = activation_oracle(name, LARGE[None], g)
    assert np.isfinite(a).all() and np.isfinite(dz).all()
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dz, expected_dz, **CLOSE)


def test_the_exponential_overflows_only_where_its_value_is_beyond_the_largest_number():
    z = np.array([[-1e4, -800.0, 700.0, 1e4]])
    a, dz, _ = forward_and_backward(Activation("exponential"), z, np.ones_like(z))
    np.testing.assert_allclose(a, [[0, 0, math.exp(700), np.inf]], rtol=1e-14)
    np.testing.assert_allclose(dz, a)


@pytest.mark.parametrize("name", OVER_FEATURES)
@pytest.mark.parametrize(
    "row",
    [
        (1e4, -1e4, 0.0, 5.0),
        (1e4, 1e4, 1e4, 1e4),
        (-1e4, -1e4, -1e4, -1e4),
        (1e4, 1e4 - 0.5, 9e3, -1e4),
    ],
    ids=["apart", "all high", "all low", "close"],
)
def test_what_sums_over_features_never_overflows(name, row):
    z, g = np.array([row]), draw(1, 4)
    a, dz, _ = forward_and_backward(Activation(name), z, g)
    expected, expected_dz = activation_oracle(name, z, g)
    assert np.isfinite(a).all() and np.isfinite(dz).all()
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dz, expected_dz, **CLOSE)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "exponential"])
def test_single_precision_is_finite_far_from_zero_too(name):
    rows = torch.tensor([[-1e4, -100.0, -3.0, 0.0, 3.0, 100.0, 1e4]], requires_grad=True)
    a = build(Activation(name), 7)(rows)
    a.sum().backward()
    assert torch.isfinite(a).all() and torch.isfinite(rows.grad).all()


@pytest.mark.parametrize(
    ("name", "parameters"), [*((name, {}) for name in ACTIVATIONS), *OTHER_PARAMETERS]
)
def test_an_activation_stays_within_the_bounds_that_it_states(name, parameters):
    low, high = Activation(name, **parameters).bounds
    z = draw(4000, FEATURES, scale=8)
    a, _ = activation_oracle(name, z, np.zeros_like(z), **parameters)
    assert low <= a.min() and a.max() <= high
    reached = [abs(edge - end) < 0.05 for edge, end in ((a.min(), low), (a.max(), high))]
    assert all(near for near, end in zip(reached, (low, high), strict=True) if math.isfinite(end))
    # An end that is not finite is none: there is always a number beyond.
    beyond = {-math.inf: a.min() < -0.2, math.inf: a.max() > 3}
    assert beyond.get(low, True) and beyond.get(high, True)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "hard_silu"])
def test_the_lower_end_of_a_smooth_rectifier_is_its_minimum(name):
    z = np.linspace(-3, 0, 300_001)
    lowest = SLOPES[name][0](z).min()
    assert Activation(name).bounds[0] == pytest.approx(lowest, abs=1e-10)
    assert Activation(name).bounds[0] <= lowest


def test_sparsemax_is_a_distribution_with_true_zeros_that_ignores_a_common_shift():
    z = draw(200, FEATURES, scale=2)
    a, _, _ = forward_and_backward(Activation("sparsemax"), z, z)
    np.testing.assert_allclose(a.sum(axis=1), 1, **CLOSE)
    assert (a == 0).any(axis=1).mean() > 0.9
    shifted, _, _ = forward_and_backward(Activation("sparsemax"), z + 300, z)
    np.testing.assert_allclose(shifted, a, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(FEATURES,), (3, FEATURES), (2, 3, FEATURES)], ids=str)
def test_prelu_learns_a_slope_for_each_feature(shape):
    z, g, w = draw(ROWS, *shape), draw(ROWS, *shape, seed=1), draw(FEATURES, seed=2)
    a, dz, dw = forward_and_backward(PReLU(), z, g, weight=w)
    np.testing.assert_allclose(a, np.where(z > 0, z, w * z), **CLOSE)
    np.testing.assert_allclose(dz, g * np.where(z > 0, 1, w), **CLOSE)
    over = tuple(range(z.ndim - 1))
    np.testing.assert_allclose(dw, (g * np.minimum(z, 0)).sum(axis=over), **CLOSE)


def test_a_shared_prelu_learns_one_slope():
    z, g = draw(ROWS, 3, FEATURES), draw(ROWS, 3, FEATURES, seed=1)
    a, dz, dw = forward_and_backward(PReLU(shared=True), z, g, weight=np.array([0.7]))
    np.testing.assert_allclose(a, np.where(z > 0, z, 0.7 * z), **CLOSE)
    np.testing.assert_allclose(dz, g * np.where(z > 0, 1, 0.7), **CLOSE)
    np.testing.assert_allclose(dw, [(g * np.minimum(z, 0)).sum()], **CLOSE)


def test_rrelu_takes_the_mean_slope_in_evaluation():
    z, g = draw(ROWS, FEATURES), draw(ROWS, FEATURES, seed=1)
    a, dz, _ = forward_and_backward(RReLU(lower=0.1, upper=0.4), z, g)
    np.testing.assert_allclose(a, np.where(z > 0, z, 0.25 * z), **CLOSE)
    np.testing.assert_allclose(dz, g * np.where(z > 0, 1, 0.25), **CLOSE)


def test_rrelu_draws_its_slopes_evenly_and_passes_the_gradient_by_the_same():
    module = build(RReLU(lower=0.1, upper=0.4), 1).double().train()
    torch.manual_seed(0)
    rows = torch.full((100_000, 1), -2.0, dtype=torch.float64, requires_grad=True)
    a = module(rows)
    a.sum().backward()
    slopes = (a / -2.0).detach().numpy()
    assert slopes.min() >= 0.1 and slopes.max() <= 0.4
    assert slopes.mean() == pytest.approx(0.25, abs=5 * 0.3 / math.sqrt(12 * 100_000))
    assert slopes.std() == pytest.approx(0.3 / math.sqrt(12), rel=0.01)
    np.testing.assert_allclose(rows.grad.numpy(), slopes, **CLOSE)


@pytest.mark.parametrize(
    ("layer", "gate"),
    [(GLU(), "sigmoid"), (SwiGLU(), "silu"), (GEGLU(), "gelu"), (ReGLU(), "relu")],
    ids=["glu", "swiglu", "geglu", "reglu"],
)
@pytest.mark.parametrize("shape", [(8,), (3, 8)], ids=str)
def test_a_gated_unit(layer, gate, shape):
    """a = u f(v): du = g f(v), dv = g u f′(v)."""
    z, g = draw(ROWS, *shape), draw(ROWS, *shape[:-1], 4, seed=1)
    u, v = z[..., :4], z[..., 4:]
    opened, dv = activation_oracle(gate, v, g * u)
    a, dz, _ = forward_and_backward(layer, z, g)
    np.testing.assert_allclose(a, u * opened, **CLOSE)
    np.testing.assert_allclose(dz, np.concatenate([g * opened, dv], axis=-1), **CLOSE)


def test_maxout_passes_the_gradient_to_the_largest_alone():
    z, g = draw(ROWS, 3, 12), draw(ROWS, 3, 4, seed=1)
    groups = z.reshape(ROWS, 3, 4, 3)
    largest = groups == groups.max(axis=-1, keepdims=True)
    a, dz, _ = forward_and_backward(Maxout(3), z, g)
    np.testing.assert_allclose(a, groups.max(axis=-1), **CLOSE)
    np.testing.assert_allclose(dz, (largest * g[..., None]).reshape(z.shape), **CLOSE)


# A threshold of 1 lets no more than 16 % of the numbers by, whatever the start.
HE = [n for n, f in ACTIVATIONS.items() if f.initializer == "he_uniform" and n != "threshold"]


@pytest.mark.parametrize("name", HE)
def test_he_is_for_what_halves_a_gradient_more_or_less(name):
    """E[f′(z)²] for z ~ N(0, 1), which He's 2 / fan_in makes up for."""
    z = np.linspace(-10, 10, 40_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    assert 0.28 < (SLOPES[name][1](z) ** 2 * density).sum() < 0.68


def test_selu_has_its_fixed_point_at_mean_0_and_variance_1():
    z = np.linspace(-12, 12, 400_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    a = SLOPES["selu"][0](z)
    assert (a * density).sum() == pytest.approx(0, abs=1e-6)
    assert (a**2 * density).sum() == pytest.approx(1, abs=1e-6)
