"""Scans and the selective state space against NumPy in float64, place by place, backward by hand.

Letters: a input [B, T, C], m mask [B, T], x the inner input, z its gate, s the step Δ, h the state
[B, D, N]; dv = ∂L/∂v for L = Σ g ⊙ output.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.nn.layers import scan
from ranvier.spec import MinGRU, Network, SelectiveStateSpace, Take

BATCH, PLACES, FEATURES, UNITS = 4, 7, 3, 4
CLOSE = {"rtol": 0, "atol": 1e-10}
MASK = np.array(
    [
        [1, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 1],
        [1, 0, 1, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=float,
)


def draw(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def silu_slope(z):
    return sigmoid(z) * (1 + z * (1 - sigmoid(z)))


def naive(a, b, start):
    """h_t = a_t h_{t−1} + b_t, and the way back."""
    h, states = start, []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    states = np.stack(states, axis=1)

    def back(g):
        da, db, carried = np.zeros_like(a), np.zeros_like(b), np.zeros_like(start)
        for t in reversed(range(a.shape[1])):
            db[:, t] = g[:, t] + carried
            da[:, t] = db[:, t] * (states[:, t - 1] if t else start)
            carried = db[:, t] * a[:, t]
        return da, db, carried

    return states, back


@pytest.mark.parametrize("places", [1, 2, 3, 4, 5, 9, 16, 17, 30])
@pytest.mark.parametrize("long_step", [0, 10**9], ids=["in turn", "in chunks"])
def test_a_scan_is_the_recurrence_and_goes_back_as_it_does(places, long_step, monkeypatch):
    monkeypatch.setattr(scan, "_LONG_STEP", long_step)
    a = np.random.default_rng(0).uniform(-1.2, 1.2, size=(2, places, 3, 4))
    a[0, places // 2] = 0.0
    b, start, g = (
        draw(2, places, 3, 4, seed=1),
        draw(2, 3, 4, seed=2),
        draw(2, places, 3, 4, seed=3),
    )
    states, back = naive(a, b, start)
    inputs = [torch.from_numpy(each).requires_grad_() for each in (a, b, start)]
    given = scan.linear_scan(*inputs)
    given.backward(torch.from_numpy(g))
    np.testing.assert_allclose(given.detach().numpy(), states, **CLOSE)
    for tensor, expected in zip(inputs, back(g), strict=True):
        np.testing.assert_allclose(tensor.grad.numpy(), expected, **CLOSE)


def test_a_scan_s_gradient_has_a_gradient(monkeypatch):
    monkeypatch.setattr(scan, "_LONG_STEP", 10**9)
    inputs = [
        torch.from_numpy(draw(*s, seed=i)).requires_grad_()
        for i, s in enumerate(((2, 6, 2), (2, 6, 2), (2, 2)))
    ]
    assert torch.autograd.gradgradcheck(scan.linear_scan, inputs)


def module_of(layer):
    """The layer in a network with a mask, and its weights as arrays by the reference's names."""
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    module = build(network, ((PLACES, FEATURES), (PLACES,))).double()
    for i, parameter in enumerate(module.parameters()):
        parameter.data.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i, scale=0.6)))
    inner = module.get_submodule(f"{layer.kind}_1")
    weights = {name: each.detach().numpy() for name, each in inner.named_parameters()}
    return module, inner, weights


def compacted(values, m):
    """Each row's real places first, in order, then zeros."""
    out = np.zeros_like(values)
    for row, real in enumerate(m > 0):
        out[row, : real.sum()] = values[row, real]
    return out


def scattered(values, m):
    """The way back of `compacted`."""
    out = np.zeros_like(values)
    for row, real in enumerate(m > 0):
        out[row, real] = values[row, : real.sum()]
    return out


def selective(a, w, kernel):
    """The output of the selective state space without a mask, and the way back."""
    inner, state = w["A_log"].shape
    rank = w["dt_proj.weight"].shape[1]
    joint = a @ w["in_proj.weight"].T + w["in_proj.bias"]
    x0, z = joint[..., :inner], joint[..., inner:]
    longer = np.concatenate([np.zeros((len(a), kernel - 1, inner)), x0], axis=1)
    filters = w["conv1d.weight"][:, 0]
    places = a.shape[1]
    u = sum(longer[:, j : j + places] * filters[:, j] for j in range(kernel)) + w["conv1d.bias"]
    x = u * sigmoid(u)
    made = x @ w["x_proj.weight"].T
    low, Bt, Ct = made[..., :rank], made[..., rank : rank + state], made[..., rank + state :]
    v = low @ w["dt_proj.weight"].T + w["dt_proj.bias"]
    s = np.log1p(np.exp(v))
    A = -np.exp(w["A_log"])
    decay = np.exp(s[..., None] * A)
    write = (s * x)[..., None] * Bt[:, :, None, :]
    h, scan_back = naive(decay, write, np.zeros((len(a), inner, state)))
    y = (h * Ct[:, :, None, :]).sum(-1) + w["D"] * x
    gated = y * z * sigmoid(z)
    output = gated @ w["out_proj.weight"].T + w["out_proj.bias"]

    def back(g):
        d = {
            "out_proj.weight": np.einsum("bto,bti->oi", g, gated),
            "out_proj.bias": g.sum(axis=(0, 1)),
        }
        dgated = g @ w["out_proj.weight"]
        dy, dz = dgated * z * sigmoid(z), dgated * y * silu_slope(z)
        d["D"] = (dy * x).sum(axis=(0, 1))
        dx = dy * w["D"]
        dCt = (dy[..., None] * h).sum(axis=2)
        ddecay, dwrite, _ = scan_back(dy[..., None] * Ct[:, :, None, :])
        ds = (ddecay * decay * A).sum(-1) + (dwrite * Bt[:, :, None, :]).sum(-1) * x
        dx = dx + (dwrite * Bt[:, :, None, :]).sum(-1) * s
        dBt = (dwrite * (s * x)[..., None]).sum(axis=2)
        d["A_log"] = (ddecay * decay * s[..., None]).sum(axis=(0, 1)) * A
        dv = ds * sigmoid(v)
        d["dt_proj.weight"] = np.einsum("btd,btr->dr", dv, low)
        d["dt_proj.bias"] = dv.sum(axis=(0, 1))
        dmade = np.concatenate([dv @ w["dt_proj.weight"], dBt, dCt], axis=-1)
        d["x_proj.weight"] = np.einsum("bto,bti->oi", dmade, x)
        dx = dx + dmade @ w["x_proj.weight"]
        du = dx * silu_slope(u)
        d["conv1d.bias"] = du.sum(axis=(0, 1))
        d["conv1d.weight"] = np.stack(
            [(du * longer[:, j : j + places]).sum(axis=(0, 1)) for j in range(kernel)], axis=-1
        )[:, None]
        dlonger = np.zeros_like(longer)
        for j in range(kernel):
            dlonger[:, j : j + places] += du * filters[:, j]
        djoint = np.concatenate([dlonger[:, kernel - 1 :], dz], axis=-1)
        d["in_proj.weight"] = np.einsum("bto,bti->oi", djoint, a)
        d["in_proj.bias"] = djoint.sum(axis=(0, 1))
        return djoint @ w["in_proj.weight"], d

    return output, back


def gated_mixing(a, w):
    """The output of the minimal GRU without a mask, and the way back."""
    units = len(w["bias"]) // 2
    joint = a @ w["weight"].T + w["bias"]
    z, n = sigmoid(joint[..., :units]), joint[..., units:]
    h, scan_back = naive(1 - z, z * n, np.zeros((len(a), units)))

    def back(g):
        ddecay, dwrite, _ = scan_back(g)
        dz = (dwrite * n - ddecay) * z * (1 - z)
        djoint = np.concatenate([dz, dwrite * z], axis=-1)
        d = {"weight": np.einsum("bto,bti->oi", djoint, a), "bias": djoint.sum(axis=(0, 1))}
        return djoint @ w["weight"], d

    return h, back


def agrees(layer, oracle, mask):
    module, inner, weights = module_of(layer)
    a, g = draw(BATCH, PLACES, FEATURES), draw(BATCH, PLACES, UNITS, seed=1)
    m = MASK if mask else np.ones((BATCH, PLACES))
    read, back = oracle(compacted(a, m), weights)
    expected = scattered(read, m)
    da, gradients = back(compacted(g, m))
    # Whatever stands where nothing is real must not matter.
    rows = torch.from_numpy(np.where(m[..., None] > 0, a, 1e6)).requires_grad_()
    given = module(rows, torch.from_numpy(m))
    given.backward(torch.from_numpy(g))
    np.testing.assert_allclose(given.detach().numpy(), expected, **CLOSE)
    np.testing.assert_allclose(rows.grad.numpy(), scattered(da, m), **CLOSE)
    assert gradients.keys() == weights.keys()
    for name, gradient in gradients.items():
        its = inner.get_parameter(name).grad.numpy()
        np.testing.assert_allclose(its, gradient, err_msg=name, **CLOSE)


@pytest.mark.parametrize("mask", [None, "padding"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_selective_state_space_is_its_equation(mask, kernel):
    layer = SelectiveStateSpace(UNITS, state=3, rank=2, kernel=kernel, bias=True, mask=mask)
    agrees(layer, lambda a, w: selective(a, w, kernel), mask)


@pytest.mark.parametrize("mask", [None, "padding"])
def test_the_minimal_gru_is_its_equation(mask):
    agrees(MinGRU(UNITS, mask=mask), gated_mixing, mask)


def test_decay_and_step_size_start_as_in_the_paper():
    module = build(SelectiveStateSpace(64, state=4), (PLACES, FEATURES))
    np.testing.assert_allclose(
        module.A_log.detach().exp().numpy(), np.tile([1.0, 2, 3, 4], (128, 1)), rtol=1e-6
    )
    steps = np.log1p(np.exp(module.dt_proj.bias.detach().double().numpy()))
    assert steps.min() >= 0.00099 and steps.max() <= 0.101
    # Log-uniform: the median is the geometric mean of the ends.
    assert 0.007 < np.median(steps) < 0.014
