"""Einsum layers, bilinear forms, bags and resampling against NumPy in float64, backward by hand.

Letters: x input, g = ∂L/∂a for the layer's output a, dx = ∂L/∂x.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    Bilinear,
    EinsumDense,
    EmbeddingBag,
    Fold,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Unfold,
    Upsample,
)

ROWS = 3
CLOSE = {"rtol": 0, "atol": 1e-10}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def run(layer, *inputs):
    """a, g, the inputs' gradients, the weights and their gradients by name."""
    module = build(layer, [x.shape[1:] for x in inputs]).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i)))
    rows = [torch.from_numpy(x).requires_grad_() for x in inputs]
    a = module(*rows)
    g = draw(*a.shape, seed=1)
    a.backward(torch.from_numpy(g))
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return a.detach().numpy(), g, [row.grad.numpy() for row in rows], weights, gradients


def test_einsum_dense_sums_the_products_of_what_its_letters_name():
    x = draw(ROWS, 5, 4)
    layer = EinsumDense("btc,chd->bthd", (None, 2, 3), bias_axes="d", activation="tanh")
    a, g, (dx,), w, found = run(layer, x)
    z = np.tensordot(x, w["weight"], axes=([2], [0])) + w["bias"]
    dz = g * (1 - np.tanh(z) ** 2)
    np.testing.assert_allclose(a, np.tanh(z), **CLOSE)
    np.testing.assert_allclose(dx, np.tensordot(dz, w["weight"], axes=([2, 3], [1, 2])), **CLOSE)
    dweight = np.tensordot(x, dz, axes=([0, 1], [0, 1]))
    np.testing.assert_allclose(found["weight"], dweight, **CLOSE)
    np.testing.assert_allclose(found["bias"], dz.sum(axis=(0, 1, 2)), **CLOSE)


def test_bilinear_weighs_every_product():
    left, right = draw(ROWS, 4), draw(ROWS, 3, seed=2)
    a, g, (dleft, dright), w, found = run(Bilinear(5), left, right)
    weight = w["weight"]
    outer = left[:, :, None] * right[:, None, :]
    expected = (outer[:, None] * weight).sum(axis=(2, 3)) + w["bias"]
    np.testing.assert_allclose(a, expected, **CLOSE)
    mixed = np.tensordot(g, weight, axes=([1], [0]))
    np.testing.assert_allclose(dleft, (mixed * right[:, None]).sum(axis=2), **CLOSE)
    np.testing.assert_allclose(dright, (mixed * left[:, :, None]).sum(axis=1), **CLOSE)
    np.testing.assert_allclose(found["weight"], np.tensordot(g, outer, axes=(0, 0)), **CLOSE)
    np.testing.assert_allclose(found["bias"], g.sum(axis=0), **CLOSE)


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_a_bag_adds_up_the_vectors_of_its_codes(mode, padding):
    codes = np.array([[0, 1, 2, 2], [4, 4, 2, 0], [2, 2, 2, 2]])
    module = build(EmbeddingBag(5, 3, mode=mode, padding=padding), 4).double()
    table = module.weight.detach().numpy().copy()
    a = module(torch.from_numpy(codes * 1.0))
    g = draw(*a.shape, seed=1)
    a.backward(torch.from_numpy(g))
    expected, gradient = np.zeros(a.shape), np.zeros(table.shape)
    for row, bag in enumerate(codes):
        kept = [code for code in bag if code != padding]
        share = 1 / max(1, len(kept)) if mode == "mean" else 1
        for code in kept:
            expected[row] += share * table[code]
            gradient[code] += share * g[row]
    np.testing.assert_allclose(a.detach().numpy(), expected, **CLOSE)
    np.testing.assert_allclose(module.weight.grad.numpy(), gradient, **CLOSE)


def test_pixel_shuffle_turns_features_to_places_in_the_order_that_it_says():
    x, r = draw(ROWS, 3, 2, 8), 2
    a, g, (dx,), _, _ = run(PixelShuffle(r), x)
    expected, expected_dx = np.zeros(a.shape), np.zeros(x.shape)
    for h, w, c, i, j in np.ndindex(3, 2, 2, r, r):
        here, there = (slice(None), h, w, r * r * c + r * i + j), (..., r * h + i, r * w + j, c)
        expected[there] = x[here]
        expected_dx[here] = g[there]
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)
    back, *_ = run(PixelUnshuffle(r), a)
    np.testing.assert_allclose(back, x, **CLOSE)


def blends(n, m, mode):
    """The matrix [m, n] that makes m places of n: each a copy, or a blend of the two nearest."""
    matrix = np.zeros((m, n))
    for t in range(m):
        if mode == "nearest":
            matrix[t, int(t * n / m)] = 1
            continue
        at = min(max((t + 0.5) * n / m - 0.5, 0), n - 1)
        low = int(at)
        matrix[t, low] += 1 - (at - low)
        matrix[t, min(low + 1, n - 1)] += at - low
    return matrix


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scale", [2, 3])
def test_upsampling_is_a_matrix_along_each_axis(mode, scale):
    x = draw(ROWS, 4, 3, 2)
    a, g, (dx,), _, _ = run(Upsample(scale, mode=mode), x)
    rows, columns = (blends(n, scale * n, mode) for n in (4, 3))
    expected = np.einsum("sh,tw,bhwc->bstc", rows, columns, x)
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, np.einsum("sh,tw,bstc->bhwc", rows, columns, g), **CLOSE)


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("constant", [-1, -1, 0, 1, 2, 3, -1]),
        ("reflect", [2, 1, 0, 1, 2, 3, 2]),
        ("replicate", [0, 0, 0, 1, 2, 3, 3]),
        ("circular", [2, 3, 0, 1, 2, 3, 0]),
    ],
)
def test_padding_shows_the_places_that_it_says(mode, source):
    x = draw(ROWS, 4, 2)
    value = 0.5 if mode == "constant" else 0.0
    a, g, (dx,), _, _ = run(Pad(((2, 1),), mode=mode, value=value), x)
    expected_dx = np.zeros(x.shape)
    for place, origin in enumerate(source):
        shown = np.full((ROWS, 2), value) if origin < 0 else x[:, origin]
        np.testing.assert_allclose(a[:, place], shown, **CLOSE)
        if origin >= 0:
            expected_dx[:, origin] += g[:, place]
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)


def test_fold_is_the_transpose_of_unfold():
    """⟨Unfold x, y⟩ = ⟨x, Fold y⟩, and each one's gradient is the other."""
    options = {"stride": (2, 1), "dilation": (1, 2), "padding": "same"}
    x = draw(ROWS, 6, 5, 2)
    patches, g, (dx,), _, _ = run(Unfold((3, 2), **options), x)
    back, *_ = run(Fold((6, 5), (3, 2), **options), g)
    np.testing.assert_allclose((patches * g).sum(), (x * back).sum(), **CLOSE)
    np.testing.assert_allclose(dx, back, **CLOSE)
