"""What a condition steers, waves and draws, against NumPy with the backward pass by hand.

Letters: x features [B, T, C], c condition [B, D], g = ∂L/∂a for the layer's output a.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import (
    AdaptiveNorm,
    AdaptiveScale,
    CodeDropout,
    GaussianSample,
    GridPositions,
    LayerScale,
    PadFeatures,
    SinusoidalEmbedding,
)

B, T, C, D = 4, 3, 6, 5
CLOSE = {"rtol": 0, "atol": 1e-10}


def draw(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def run(layer, *shapes):
    """The layer in float64 with drawn weights: inputs, g, a, ∂L/∂inputs, weights, gradients."""
    module = build(layer, list(shapes)).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i)))
    inputs = [draw(B, *shape, seed=i) for i, shape in enumerate(shapes)]
    rows = [torch.from_numpy(each).requires_grad_() for each in inputs]
    a = module(*rows)
    g = draw(*a.shape, seed=7)
    a.backward(torch.from_numpy(g))
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return inputs, g, a.detach().numpy(), [each.grad.numpy() for each in rows], weights, gradients


def test_a_layer_scale_multiplies_each_feature():
    (x,), g, a, (dx,), w, found = run(LayerScale(0.1), (T, C))
    np.testing.assert_allclose(a, w["weight"] * x, **CLOSE)
    np.testing.assert_allclose(dx, w["weight"] * g, **CLOSE)
    np.testing.assert_allclose(found["weight"], (g * x).sum(axis=(0, 1)), **CLOSE)


def test_an_adaptive_scale_multiplies_by_what_is_linear_in_the_condition():
    (x, c), g, a, (dx, dc), w, found = run(AdaptiveScale(), (T, C), (D,))
    s = c @ w["weight"].T + w["bias"]
    ds = (g * x).sum(axis=1)
    np.testing.assert_allclose(a, s[:, None] * x, **CLOSE)
    np.testing.assert_allclose(dx, s[:, None] * g, **CLOSE)
    np.testing.assert_allclose(dc, ds @ w["weight"], **CLOSE)
    np.testing.assert_allclose(found["weight"], ds.T @ c, **CLOSE)
    np.testing.assert_allclose(found["bias"], ds.sum(axis=0), **CLOSE)


@pytest.mark.parametrize("places", [(), (T,)], ids=["row", "sequence"])
def test_an_adaptive_norm_scales_and_shifts_as_the_condition_asks(places):
    (x, c), g, a, (dx, dc), w, found = run(AdaptiveNorm(epsilon=1e-3), (*places, C), (D,))
    asked = c @ w["weight"].T + w["bias"]
    over_places = tuple(range(1, x.ndim - 1))
    t, s = (each.reshape(B, *(1 for _ in places), C) for each in (asked[:, :C], asked[:, C:]))
    root = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
    n = (x - x.mean(axis=-1, keepdims=True)) / root
    np.testing.assert_allclose(a, (1 + s) * n + t, **CLOSE)
    h = g * (1 + s)
    along = (h * n).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(dx, (h - h.mean(axis=-1, keepdims=True) - n * along) / root, **CLOSE)
    d_asked = np.concatenate([g.sum(axis=over_places), (g * n).sum(axis=over_places)], axis=-1)
    np.testing.assert_allclose(dc, d_asked @ w["weight"], **CLOSE)
    np.testing.assert_allclose(found["weight"], d_asked.T @ c, **CLOSE)
    np.testing.assert_allclose(found["bias"], d_asked.sum(axis=0), **CLOSE)


def test_a_sinusoidal_embedding_is_waves_of_the_number():
    (t,), g, a, (dt,), _, _ = run(SinusoidalEmbedding(8, base=50.0), (T,))
    omega = 50.0 ** (-np.arange(4) / 4)
    angle = t[..., None] * omega
    np.testing.assert_allclose(a, np.concatenate([np.cos(angle), np.sin(angle)], -1), **CLOSE)
    expected = (omega * (g[..., 4:] * np.cos(angle) - g[..., :4] * np.sin(angle))).sum(-1)
    np.testing.assert_allclose(dt, expected, **CLOSE)


def test_whole_numbers_are_waves_as_well():
    module = build(SinusoidalEmbedding(4), ())
    assert torch.equal(module(torch.tensor([3, 700])), module(torch.tensor([3.0, 700.0])))


def test_grid_positions_are_waves_of_the_column_and_of_the_row():
    (x,), g, a, (dx,), _, _ = run(GridPositions(3), (6, 8))
    omega = 10_000.0 ** (-np.arange(2) / 2)
    for place in range(6):
        row, column = divmod(place, 3)
        waves = [
            f(number * omega) for number in (column, row) for f in (np.sin, np.cos)
        ]  # fmt: skip
        np.testing.assert_allclose(a[:, place], x[:, place] + np.concatenate(waves), **CLOSE)
    np.testing.assert_allclose(dx, g, **CLOSE)


def test_padded_features_are_zeros_around_what_came():
    (x,), g, a, (dx,), _, _ = run(PadFeatures((1, 2)), (T, C))
    np.testing.assert_array_equal(a[..., 1:-2], x)
    assert not a[..., 0].any() and not a[..., -2:].any()
    np.testing.assert_array_equal(dx, g[..., 1:-2])


def test_a_gaussian_sample_has_the_mean_and_variance_that_came():
    module = build(GaussianSample(), 4).double()
    torch.manual_seed(0)
    rows = torch.tensor([[1.0, -2.0, np.log(0.25), np.log(4.0)]]).double().expand(200_000, 4)
    drawn = module(rows)
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -2.0]).double(), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 2.0]).double(), rtol=0, atol=0.02)
    module.eval()
    assert torch.equal(module(rows), rows[:, :2])


def test_a_gaussian_sample_costs_its_divergence_from_the_standard_normal():
    rows = draw(B, T, 2 * C, seed=1)
    module = build(GaussianSample(weight=0.3), (T, 2 * C)).double()
    came = torch.from_numpy(rows).requires_grad_()
    with collected_penalties() as terms:
        module(came)
    (term,) = terms
    mean, log_variance = rows[..., :C], rows[..., C:]
    # By quadrature: ∫ q (log q − log p) of each number, q = N(μ, e^v), p = N(0, 1).
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    value = mean[..., None] + np.exp(log_variance / 2)[..., None] * points
    log_ratio = value**2 / 2 - points**2 / 2 - log_variance[..., None] / 2
    divergence = (log_ratio * weights).sum(-1) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(term.item(), 0.3 * divergence.sum() / B, rtol=1e-10)
    term.backward()
    expected = np.concatenate([mean, (np.exp(log_variance) - 1) / 2], -1) * 0.3 / B
    np.testing.assert_allclose(came.grad.numpy(), expected, **CLOSE)
    module.eval()
    with collected_penalties() as terms:
        module(came)
    assert terms == []


def test_a_gaussian_sample_passes_gradients_to_mean_and_variance():
    module = build(GaussianSample(weight=0.0), 2).double()
    came = torch.tensor([[0.7, -1.2]], dtype=torch.float64, requires_grad=True)
    a = module(came)
    a.backward()
    noise = (a.item() - 0.7) / np.exp(-0.6)
    expected = [[1.0, noise * np.exp(-0.6) / 2]]
    np.testing.assert_allclose(came.grad.numpy(), expected, **CLOSE)


def test_code_dropout_forgets_its_share_of_the_codes_and_none_in_evaluation():
    module = build(CodeDropout(0.25, code=9), ())
    torch.manual_seed(0)
    codes = torch.arange(3).repeat(20_000)
    given = module(codes)
    forgotten = given == 9
    assert abs(forgotten.double().mean().item() - 0.25) < 0.01
    assert torch.equal(given[~forgotten], codes[~forgotten])
    assert torch.equal(module.eval()(codes), codes)
