"""Convolutions and pooling against NumPy in float64, loop by loop, the backward pass by hand.

Letters: x input [B, *n, C], w weight, g = ∂L/∂a for the layer's output a, dx = ∂L/∂x, dw = ∂L/∂w.
Padding is an array of source places: place i of the padded axis is place source[i] of x, or none.
What goes forward along it goes back along it, added up; this owes nothing to torch.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AttentionPool,
    AveragePool,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Network,
    PowerPool,
    SeparableConv,
    Take,
)

ROWS = 2
CLOSE = {"rtol": 0, "atol": 1e-10}
PLACES = {1: (9,), 2: (6, 7), 3: (4, 5, 4)}


def called(value):
    return getattr(value, "__name__", str(value))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def run(layer, x, *others):
    """a, g, ∂/∂x and the weights and gradients by name, for the layer in float64."""
    shapes = [each.shape[1:] for each in (x, *others)]
    module = build(layer, shapes if others else shapes[0]).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i)))
    rows = torch.from_numpy(x).requires_grad_()
    a = module(rows, *map(torch.from_numpy, others))
    g = draw(*a.shape, seed=1)
    a.backward(torch.from_numpy(g))
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return a.detach().numpy(), g, rows.grad.numpy(), weights, gradients


def same(n, span, stride):
    """(before, after) for ⌈n / stride⌉ places, the odd one after."""
    total = max((-(-n // stride) - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


def source_places(n, before, after, mode):
    """For each padded place the place of x that it shows, −1 for none."""
    places = np.arange(-before, n + after)
    if mode == "reflect":
        places = np.abs(places)
        return np.where(places >= n, 2 * (n - 1) - places, places)
    if mode == "replicate":
        return places.clip(0, n - 1)
    if mode == "circular":
        return places % n
    return np.where((places < 0) | (places >= n), -1, places)


def padded(x, sources):
    """x with its places as `sources` say, zeros where they say none."""
    for axis, source in enumerate(sources, start=1):
        shape = [1] * x.ndim
        shape[axis] = -1
        x = np.take(x, source.clip(0), axis=axis) * (source >= 0).reshape(shape)
    return x


def padded_back(dpadded, sources, shape):
    """Every padded place's gradient, added to the place that it showed."""
    dx = np.zeros(shape)
    for places in itertools.product(*(range(len(source)) for source in sources)):
        origin = tuple(source[i] for source, i in zip(sources, places, strict=True))
        if min(origin) >= 0:
            dx[(slice(None), *origin)] += dpadded[(slice(None), *places)]
    return dx


def stands(places, size, stride, dilation):
    """For every stand of a window, its index and the places under it, in the window's order."""
    counts = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(places, size, stride, dilation, strict=True)
    ]
    for stand in np.ndindex(*counts):
        under = {
            j: tuple(s * t + d * i for t, i, s, d in zip(stand, j, stride, dilation, strict=True))
            for j in np.ndindex(*size)
        }
        yield stand, under


def spread(value, axes):
    return (value,) * axes if isinstance(value, int) else value


def convolution(x, w, b, g, *, stride, dilation, groups, pads, mode):
    """a[t] = Σ_j w_j x[st + dj] + b; dx and dw collect g[t] along the same products."""
    axes, channels = x.ndim - 2, x.shape[-1] // groups
    filters = w.shape[0] // groups
    places = zip(x.shape[1:-1], pads, strict=True)
    sources = [source_places(n, before, after, mode) for n, (before, after) in places]
    whole = padded(x, sources)
    a, dwhole, dw = np.zeros(g.shape), np.zeros(whole.shape), np.zeros(w.shape)
    for stand, under in stands(
        whole.shape[1:-1], w.shape[2:], spread(stride, axes), spread(dilation, axes)
    ):
        t = (slice(None), *stand)
        for j, place in under.items():
            p = (slice(None), *place)
            for group in range(groups):
                c = slice(group * channels, (group + 1) * channels)
                f = slice(group * filters, (group + 1) * filters)
                wj = w[(f, slice(None), *j)]
                a[(*t, f)] += whole[(*p, c)] @ wj.T
                dwhole[(*p, c)] += g[(*t, f)] @ wj
                dw[(f, slice(None), *j)] += g[(*t, f)].T @ whole[(*p, c)]
    over = tuple(range(g.ndim - 1))
    return a + b, padded_back(dwhole, sources, x.shape), dw, g.sum(axis=over)


def pads_of(padding, places, kernel, stride, dilation):
    axes = len(places)
    spans = [
        d * (k - 1) + 1 for k, d in zip(spread(kernel, axes), spread(dilation, axes), strict=True)
    ]
    if padding == "same":
        each = zip(places, spans, spread(stride, axes), strict=True)
        return [same(n, span, s) for n, span, s in each]
    if padding == "causal":
        return [(span - 1, 0) for span in spans]
    return [(p, p) for p in spread(0 if padding == "valid" else padding, axes)]


CONVOLUTIONS = [
    (axes, options)
    for axes in (1, 2, 3)
    for options in (
        {},
        {"stride": 2},
        {"dilation": 2, "padding": 1},
        {"groups": 2, "padding": "same"},
        {"stride": 2, "padding": "same"},
        {"stride": 3, "padding": "same", "dilation": 1 + (axes < 3)},
    )
] + [
    (1, {"padding": "causal"}),
    (1, {"padding": "causal", "dilation": 3, "stride": 2, "groups": 4}),
    (2, {"kernel": (3, 2), "stride": (1, 2), "padding": "same", "dilation": (2, 1)}),
    (2, {"kernel": (1, 4), "padding": (0, 2)}),
    (3, {"kernel": (2, 3, 1), "stride": (2, 1, 1), "padding": (1, 1, 0)}),
    *((axes, {"padding": "same", "padding_mode": mode})
      for axes in (1, 2, 3) for mode in ("reflect", "replicate", "circular")),
    *((2, {"kernel": 4, "padding": (3, 2), "stride": 2, "padding_mode": mode})
      for mode in ("reflect", "replicate", "circular")),
]  # fmt: skip


@pytest.mark.parametrize(("axes", "options"), CONVOLUTIONS, ids=str)
def test_convolution(axes, options):
    given = {"kernel": 3, "stride": 1, "dilation": 1, "padding": "valid", "groups": 1} | options
    kernel, padding = given["kernel"], given["padding"]
    x = draw(ROWS, *PLACES[axes], 4)
    a, g, dx, w, found = run(Conv(4, **given), x)
    expected = convolution(
        x, w["weight"], w["bias"], g,
        stride=given["stride"], dilation=given["dilation"], groups=given["groups"],
        pads=pads_of(padding, PLACES[axes], kernel, given["stride"], given["dilation"]),
        mode=given.get("padding_mode", "zeros"),
    )  # fmt: skip
    for value, wanted in zip((a, dx, found["weight"], found["bias"]), expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)


def test_a_convolution_s_activation_is_applied_to_what_it_sums_up():
    x = draw(ROWS, 6, 7, 3)
    a, g, dx, w, found = run(Conv(2, 3, activation="tanh"), x)
    options = {"stride": 1, "dilation": 1, "groups": 1, "pads": [(0, 0)] * 2, "mode": "zeros"}
    z, *_ = convolution(x, w["weight"], w["bias"], g, **options)
    dz = g * (1 - np.tanh(z) ** 2)
    _, expected_dx, dw, db = convolution(x, w["weight"], w["bias"], dz, **options)
    np.testing.assert_allclose(a, np.tanh(z), **CLOSE)
    for value, wanted in zip(
        (dx, found["weight"], found["bias"]), (expected_dx, dw, db), strict=True
    ):
        np.testing.assert_allclose(value, wanted, **CLOSE)


@pytest.mark.parametrize("multiplier", [1, 3])
def test_a_depthwise_convolution_is_one_of_as_many_groups_as_features(multiplier):
    x = draw(ROWS, 6, 7, 3)
    a, g, dx, w, found = run(DepthwiseConv(3, multiplier=multiplier, padding="same"), x)
    for c in range(3):
        own = slice(c * multiplier, (c + 1) * multiplier)
        expected = convolution(
            x[..., [c]], w["weight"][own], w["bias"][own], g[..., own],
            stride=1, dilation=1, groups=1, pads=[(1, 1)] * 2, mode="zeros",
        )  # fmt: skip
        values = (a[..., own], dx[..., [c]], found["weight"][own], found["bias"][own])
        for value, wanted in zip(values, expected, strict=True):
            np.testing.assert_allclose(value, wanted, **CLOSE)


def test_a_separable_convolution_is_a_depthwise_one_and_a_product_at_every_place():
    x = draw(ROWS, 9, 3)
    a, g, dx, w, found = run(SeparableConv(4, 3, stride=2, multiplier=2), x)
    depthwise, pointwise = w["depthwise.weight"], w["pointwise.weight"][:, :, 0]
    options = {"stride": 2, "dilation": 1, "groups": 3, "pads": [(0, 0)], "mode": "zeros"}
    middle, *_ = convolution(x, depthwise, 0.0, np.zeros((ROWS, 4, 6)), **options)
    _, expected_dx, ddepthwise, _ = convolution(x, depthwise, 0.0, g @ pointwise, **options)
    np.testing.assert_allclose(a, middle @ pointwise.T + w["pointwise.bias"], **CLOSE)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)
    np.testing.assert_allclose(found["depthwise.weight"], ddepthwise, **CLOSE)
    dpointwise = np.einsum("btf,btc->fc", g, middle)
    np.testing.assert_allclose(found["pointwise.weight"][:, :, 0], dpointwise, **CLOSE)


def transposed(x, w, b, g, *, stride, dilation, groups, cut, output):
    """Every place t of x writes w_j x[t] to place st + dj; `cut` places are cut off before."""
    axes, inside = x.ndim - 2, w.shape[1]
    channels = w.shape[0] // groups
    stride, dilation = spread(stride, axes), spread(dilation, axes)
    a = np.zeros((len(x), *output, groups * inside))
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for t, j in itertools.product(np.ndindex(*x.shape[1:-1]), np.ndindex(*w.shape[2:])):
        place = tuple(
            s * ti + d * ji - p for ti, ji, s, d, p in zip(t, j, stride, dilation, cut, strict=True)
        )
        if any(i < 0 or i >= n for i, n in zip(place, output, strict=True)):
            continue
        here, there = (slice(None), *t), (slice(None), *place)
        for group in range(groups):
            c = slice(group * channels, (group + 1) * channels)
            f = slice(group * inside, (group + 1) * inside)
            wj = w[(c, slice(None), *j)]
            a[(*there, f)] += x[(*here, c)] @ wj
            dx[(*here, c)] += g[(*there, f)] @ wj.T
            dw[(c, slice(None), *j)] += x[(*here, c)].T @ g[(*there, f)]
    return a + b, dx, dw, g.sum(axis=tuple(range(g.ndim - 1)))


# Options, with the places cut off before and those that come out of PLACES[axes].
TRANSPOSED = [
    (1, {"stride": 2}, (0,), (19,)),
    (1, {"stride": 2, "padding": "same"}, (0,), (18,)),
    (1, {"stride": 1, "padding": "same", "kernel": 4}, (1,), (9,)),
    (1, {"stride": 2, "padding": "same", "kernel": 5}, (1,), (18,)),
    (1, {"stride": 3, "kernel": 2, "padding": "same"}, (0,), (27,)),
    (1, {"stride": 3, "kernel": 2}, (0,), (27,)),
    (1, {"stride": 3, "kernel": 2, "padding": 0}, (0,), (26,)),
    (1, {"stride": 2, "padding": 1, "output_padding": 1}, (1,), (18,)),
    (1, {"stride": 2, "dilation": 2, "padding": 2, "groups": 2}, (2,), (17,)),
    (2, {"stride": 2, "padding": "same", "kernel": 4}, (1, 1), (12, 14)),
    (2, {"stride": (2, 1), "kernel": (3, 2), "padding": (1, 0), "output_padding": (1, 0)},
     (1, 0), (12, 8)),
    (2, {"stride": 1, "padding": "same"}, (1, 1), (6, 7)),
    (3, {"stride": 2, "padding": "same"}, (0, 0, 0), (8, 10, 8)),
    (3, {"stride": (1, 2, 1), "kernel": (1, 3, 2), "groups": 2}, (0, 0, 0), (4, 11, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("axes", "options", "cut", "output"), TRANSPOSED, ids=str)
def test_transposed_convolution(axes, options, cut, output):
    given = {"kernel": 3, "stride": 1, "dilation": 1, "groups": 1} | options
    x = draw(ROWS, *PLACES[axes], 4)
    a, g, dx, w, found = run(ConvTranspose(4, **given), x)
    assert a.shape == (ROWS, *output, 4)
    expected = transposed(
        x, w["weight"], w["bias"], g,
        stride=given["stride"], dilation=given["dilation"], groups=given["groups"],
        cut=cut, output=output,
    )  # fmt: skip
    for value, wanted in zip((a, dx, found["weight"], found["bias"]), expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "stride", "n"), [(3, 2, 8), (4, 2, 6), (5, 3, 9), (2, 1, 5)])
def test_a_transposed_convolution_is_a_convolution_s_gradient(kernel, stride, n, padding):
    """⟨Conv x, y⟩ = ⟨x, ConvTranspose y⟩ with the same weights, for the sizes that come back."""
    x = draw(ROWS, n, 3)
    conv = build(Conv(4, kernel, stride=stride, padding=padding, bias=False), (n, 3)).double()
    forward = conv(torch.from_numpy(x))
    shape = tuple(forward.shape[1:])
    back = ConvTranspose(3, kernel, stride=stride, padding=padding, bias=False)
    if back.output_shape(shape)[0] != n:
        back = ConvTranspose(
            3, kernel, stride=stride, padding=padding, bias=False,
            output_padding=n - ((shape[0] - 1) * stride + kernel % 2 * (padding == "same")
                                + kernel * (padding == "valid")),
        )  # fmt: skip
    module = build(back, shape).double()
    with torch.no_grad():
        module.weight.copy_(conv.weight)
    y = torch.from_numpy(draw(*forward.shape, seed=3))
    left = (forward * y).sum().item()
    right = (torch.from_numpy(x) * module(y)).sum().item()
    assert abs(left - right) < 1e-10


def pooled(x, g, *, size, stride, dilation, pads, make):
    """Windows of the places that are there; `make` gives the value and ∂value/∂each of a window."""
    axes = x.ndim - 2
    sources = [
        source_places(n, before, after, "none")
        for n, (before, after) in zip(x.shape[1:-1], pads, strict=True)
    ]
    a, dx = np.zeros(g.shape), np.zeros(x.shape)
    lengths = [len(source) for source in sources]
    size, stride, dilation = (spread(each, axes) for each in (size, stride, dilation))
    for stand, under in stands(lengths, size, stride, dilation):
        places = [
            tuple(source[i] for source, i in zip(sources, place, strict=True))
            for place in under.values()
        ]
        there = [place for place in places if min(place) >= 0]
        window = np.stack([x[(slice(None), *place)] for place in there])
        value, slopes = make(window, len(under))
        t = (slice(None), *stand)
        a[t] = value
        for place, slope in zip(there, slopes, strict=True):
            dx[(slice(None), *place)] += slope * g[t]
    return a, dx


def largest(window, _):
    return window.max(axis=0), window == window.max(axis=0)


def mean_of_real(window, _):
    return window.mean(axis=0), np.full(window.shape, 1 / len(window))


def mean_of_all(window, count):
    return window.sum(axis=0) / count, np.full(window.shape, 1 / count)


def norm_of(power):
    def make(window, _):
        value = (np.abs(window) ** power).sum(axis=0) ** (1 / power)
        return value, np.sign(window) * (np.abs(window) / value) ** (power - 1)

    return make


def rounded_up(n, size, stride):
    """Places after the end that let one more window stand, if it begins inside."""
    count = -(-(n - size) // stride)
    return max(0, count * stride + size - n)


POOLS = [
    (MaxPool, largest, {}),
    (MaxPool, largest, {"window": 3, "stride": 2}),
    (MaxPool, largest, {"window": 3, "stride": 2, "padding": "same"}),
    (MaxPool, largest, {"window": 2, "stride": 1, "padding": "same"}),
    (MaxPool, largest, {"window": 3, "stride": 3, "padding": "same"}),
    (MaxPool, largest, {"window": 3, "stride": 1, "padding": 1}),
    (MaxPool, largest, {"window": 2, "stride": 1, "dilation": 2}),
    (AveragePool, mean_of_real, {}),
    (AveragePool, mean_of_real, {"window": 3, "stride": 2, "padding": "same"}),
    (AveragePool, mean_of_real, {"window": 2, "stride": 1, "padding": "same"}),
    (AveragePool, mean_of_all, {"window": 2, "stride": 1, "padding": "same",
                                "count_padding": True}),
    (AveragePool, mean_of_real, {"window": 2, "stride": 2, "padding": "same"}),
    (AveragePool, mean_of_real, {"window": 3, "stride": 2, "padding": 1}),
    (AveragePool, mean_of_all, {"window": 3, "stride": 2, "padding": 1, "count_padding": True}),
    (PowerPool, norm_of(2), {"power": 2, "window": 3, "stride": 1}),
    (PowerPool, norm_of(3), {"power": 3}),
]  # fmt: skip


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(("kind", "make", "options"), POOLS, ids=called)
def test_pooling(axes, kind, make, options):
    x = draw(ROWS, *PLACES[axes], 3)
    a, g, dx, _, _ = run(kind(**options), x)
    size = options.get("window", 2)
    stride, dilation = options.get("stride", size), options.get("dilation", 1)
    pads = pads_of(options.get("padding", "valid"), PLACES[axes], size, stride, dilation)
    expected, expected_dx = pooled(
        x, g, size=size, stride=stride, dilation=dilation, pads=pads, make=make
    )
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "make"), [(MaxPool, largest), (AveragePool, mean_of_real)], ids=called
)
@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 2), (2, 3)])
def test_pooling_rounded_up_lets_a_last_window_reach_out(kind, make, window, stride):
    x = draw(ROWS, 8, 9, 3)
    a, g, dx, _, _ = run(kind(window, stride=stride, ceil=True), x)
    pads = [
        (0, rounded_up(n, window, stride) if rounded_up(n, window, stride) < window else 0)
        for n in (8, 9)
    ]
    expected, expected_dx = pooled(
        x, g, size=window, stride=stride, dilation=1, pads=pads, make=make
    )
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "make"), [(AdaptiveMaxPool, largest), (AdaptiveAveragePool, mean_of_real)], ids=called
)
@pytest.mark.parametrize("places", [(3,), (2, 5), (2, 3, 4), (12,)], ids=str)
def test_adaptive_pooling(kind, make, places):
    x = draw(ROWS, *PLACES[len(places)], 3)
    a, g, dx, _, _ = run(kind(places), x)
    expected, expected_dx = np.zeros(g.shape), np.zeros(x.shape)
    for stand in np.ndindex(*places):
        bounds = zip(stand, PLACES[len(places)], places, strict=True)
        ranges = [range(t * n // m, -(-(t + 1) * n // m)) for t, n, m in bounds]
        there = list(itertools.product(*ranges))
        value, slopes = make(np.stack([x[(slice(None), *place)] for place in there]), 0)
        expected[(slice(None), *stand)] = value
        for place, slope in zip(there, slopes, strict=True):
            expected_dx[(slice(None), *place)] += slope * g[(slice(None), *stand)]
    np.testing.assert_allclose(a, expected, **CLOSE)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)


MASK = np.array([[1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]]) * 1.0


def masked(layer):
    return Network(Take("rows"), layer, inputs=("rows", "mask"))


def test_a_masked_maximum_is_that_of_the_real_places_and_zero_where_there_is_none():
    x = draw(3, 6, 4)
    a, g, dx, _, _ = run(masked(GlobalMaxPool(mask="mask")), x, MASK)
    for row in range(2):
        value, slopes = largest(x[row][MASK[row] > 0], 0)
        np.testing.assert_allclose(a[row], value, **CLOSE)
        np.testing.assert_allclose(dx[row][MASK[row] > 0], slopes * g[row], **CLOSE)
    assert not a[2].any() and not dx[MASK == 0].any()


def test_a_masked_average_is_that_of_the_real_places_and_zero_where_there_is_none():
    x = draw(3, 6, 4)
    a, g, dx, _, _ = run(masked(GlobalAveragePool(mask="mask")), x, MASK)
    counts = np.maximum(MASK.sum(axis=1), 1)[:, None]
    np.testing.assert_allclose(a, (x * MASK[..., None]).sum(axis=1) / counts, **CLOSE)
    np.testing.assert_allclose(dx, (MASK / counts)[..., None] * g[:, None], **CLOSE)


@pytest.mark.parametrize("is_masked", [False, True])
def test_attention_pooling(is_masked):
    """α = softmax(x q / √C); with h_t = g · x_t: ds_t = α_t (h_t − Σ α h), dx = α g + ds q / √C."""
    x = draw(3, 6, 4)
    mask = MASK.copy()
    mask[2] = 1
    layer = masked(AttentionPool(mask="mask")) if is_masked else AttentionPool()
    a, g, dx, w, found = run(layer, x, *([mask] if is_masked else []))
    (query,), (dquery,) = w.values(), found.values()
    score = x @ query / 2
    e = np.exp(score - score.max(axis=1, keepdims=True)) * (mask if is_masked else 1)
    alpha = e / e.sum(axis=1, keepdims=True)
    h = np.einsum("bc,btc->bt", g, x)
    dscore = alpha * (h - (alpha * h).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(a, np.einsum("bt,btc->bc", alpha, x), **CLOSE)
    expected = alpha[..., None] * g[:, None] + dscore[..., None] * query / 2
    np.testing.assert_allclose(dx, expected, **CLOSE)
    np.testing.assert_allclose(dquery, np.einsum("bt,btc->c", dscore, x) / 2, **CLOSE)


def test_attention_pooling_of_a_sample_without_a_real_place_stays_finite():
    a, _, dx, _, _ = run(masked(AttentionPool(mask="mask")), draw(3, 6, 4), MASK)
    assert np.isfinite(a).all() and np.isfinite(dx).all()
