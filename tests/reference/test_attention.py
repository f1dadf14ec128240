"""Attention against NumPy in float64, written from the equations, the backward pass by hand.

B batch, T places of the query, S of the memory, H heads, G heads of keys and values, D features per
head. g = ∂L/∂a for the output a; d… = ∂L/∂…; each oracle gives the output and the gradients of
Σ g ⊙ a, and owes nothing to torch.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import erf

from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import (
    AdditiveAttention,
    BucketedBias,
    ClassToken,
    DistanceBias,
    DotProductAttention,
    GatedFeedForward,
    LuongAttention,
    MixtureOfExperts,
    MultiHeadAttention,
    PatchEmbedding,
    PositionEmbedding,
    Rotary,
    SeriesPatches,
    SinusoidalPositions,
    TransformerEncoder,
)

CLOSE = {"rtol": 0, "atol": 1e-10}
B, T, S = 3, 5, 6


def draw(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def module_of(layer, *shapes, seed=5):
    """The module in float64, evaluating, with weights that are not what it started with."""
    module = build(layer, shapes if len(shapes) > 1 else shapes[0], seed=seed).double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i, scale=0.6)))
    return module


def forward_and_backward(module, inputs, g, mask=None):
    """What torch gives: a, ∂/∂ each input, and ∂/∂ parameter by name, all as arrays."""
    rows = [torch.from_numpy(x).requires_grad_() for x in inputs]
    masks = [] if mask is None else [torch.from_numpy(mask)]
    a = module(*rows, *masks)
    a.backward(torch.from_numpy(g))
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return a.detach().numpy(), [row.grad.numpy() for row in rows], gradients


def weights_of(module):
    return {name: p.detach().numpy().copy() for name, p in module.named_parameters()}


def agree(found, expected):
    assert len(found) == len(expected)
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, **CLOSE)


# The equations. Masks are arrays of booleans, true where a query may look.


def softmax(z, allowed):
    """Over the last axis, among what is allowed; zeros where nothing is."""
    top = np.where(allowed, z, -np.inf).max(axis=-1, keepdims=True)
    e = np.where(allowed, np.exp(np.where(allowed, z - np.where(np.isinf(top), 0, top), 0)), 0.0)
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def softmax_back(p, dp):
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))


def attend(q, k, v, g, *, scale, allowed, bias=0.0):
    """One head or many: a = P v, P = softmax(q kᵀ scale + bias); and dq, dk, dv, d(scores)."""
    p = softmax(q @ np.swapaxes(k, -1, -2) * scale + bias, allowed)
    dv = np.swapaxes(p, -1, -2) @ g
    dz = softmax_back(p, g @ np.swapaxes(v, -1, -2))
    return p @ v, dz @ k * scale, np.swapaxes(dz, -1, -2) @ q * scale, dv, dz


def split(x, heads):
    """[B, T, H D] -> [B, H, T, D]."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def merge(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def grouped(x, heads, groups):
    """Every group's keys or values for each head that shares them."""
    return np.repeat(x, heads // groups, axis=1)


def ungrouped(dx, groups):
    return dx.reshape(dx.shape[0], groups, -1, *dx.shape[2:]).sum(axis=2)


def rotation(length, features, turned, base, interleaved):
    """The matrix of each place that turns its features: [T, D, D]."""
    matrices = np.broadcast_to(np.eye(features), (length, features, features)).copy()
    half = turned // 2
    for t in range(length):
        for i in range(half):
            u, v = (2 * i, 2 * i + 1) if interleaved else (i, i + half)
            angle = t * base ** (-2 * i / turned)
            matrices[t, u, u] = matrices[t, v, v] = math.cos(angle)
            matrices[t, u, v], matrices[t, v, u] = -math.sin(angle), math.sin(angle)
    return matrices


def permitted(length, places, *, causal=False, window=None, mask=None):
    """[B, 1, T, S]: causal ∧ window ∧ real."""
    i, j = np.arange(length)[:, None], np.arange(places)[None, :]
    allowed = np.ones((length, places), bool)
    if causal:
        allowed &= j <= i
    if window:
        allowed &= abs(i - j) < window
    allowed = np.broadcast_to(allowed, (B, 1, length, places))
    return allowed if mask is None else allowed & (mask != 0)[:, None, None, :]


def dense_back(x, g, weight):
    """dx, dW, db of x Wᵀ + b."""
    rows, grads = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return g @ weight, grads.T @ rows, grads.sum(axis=0)


# One row has no place at all, another has its first two missing.
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1]], dtype=float)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_scaled_dot_product(masked, scale):
    q, k, v, g = draw(B, T, 4), draw(B, S, 4, seed=1), draw(B, S, 3, seed=2), draw(B, T, 3, seed=3)
    mask = MASK if masked else None
    module = module_of(DotProductAttention(scale=scale), (T, 4), (S, 4), (S, 3), *[(S,)] * masked)
    a, inputs, _ = forward_and_backward(module, (q, k, v), g, mask)
    allowed = permitted(T, S, mask=mask)[:, 0]
    agree([a, *inputs], attend(q, k, v, g, scale=scale or 0.5, allowed=allowed)[:4])


def test_one_sequence_is_its_own_memory():
    x, g = draw(B, T, 4), draw(B, T, 4, seed=1)
    allowed = permitted(T, T, causal=True)[:, 0]
    a, dq, dk, dv, _ = attend(x, x, x, g, scale=0.5, allowed=allowed)
    found, (dx,), _ = forward_and_backward(
        module_of(DotProductAttention(causal=True), (T, 4)), (x,), g
    )
    agree([found, dx], [a, dq + dk + dv])


CASES = {
    "plain": {},
    "causal": {"causal": True},
    "window": {"window": 2},
    "causal window": {"causal": True, "window": 3},
    "grouped": {"kv_heads": 2},
    "one key-value head": {"kv_heads": 1, "causal": True},
    "rotary": {"positions": Rotary(base=50.0)},
    "rotary, half, interleaved": {
        "causal": True,
        "positions": Rotary(base=20.0, share=0.5, interleaved=True),
    },
    "rotary, grouped, causal": {"kv_heads": 2, "causal": True, "positions": "rotary"},
    "no biases": {"bias": False, "kv_heads": 2},
}


def multi_head_oracle(layer, own, x, m, g, allowed):
    """a, dx, dm and the gradient of each weight; x = m for attention to oneself."""
    heads, groups = layer.heads, layer.kv_heads or layer.heads
    maps = {
        name: (source @ own[f"{name}.weight"].T) + own.get(f"{name}.bias", 0.0)
        for name, source in (("query", x), ("key", m), ("value", m))
    }
    q, k, v = split(maps["query"], heads), split(maps["key"], groups), split(maps["value"], groups)
    width = q.shape[-1]
    turn_q = turn_k = np.eye(width)
    if layer.positions is not None:
        rotary = Rotary() if layer.positions == Rotary() else layer.positions
        turned = round(width * rotary.share)
        arguments = (width, turned, rotary.base, rotary.interleaved)
        turn_q, turn_k = (rotation(each.shape[2], *arguments) for each in (q, k))
    q = np.einsum("...ij,...j->...i", turn_q, q)
    k = np.einsum("...ij,...j->...i", turn_k, k)
    shared = (grouped(k, heads, groups), grouped(v, heads, groups))
    output = own["output.weight"]
    g_mixed = split(g @ output, heads)
    mixed, dq, dk, dv, _ = attend(q, *shared, g_mixed, scale=width**-0.5, allowed=allowed)
    a = merge(mixed) @ output.T + own.get("output.bias", 0.0)
    gradients = dict(zip(("weight", "bias"), dense_back(merge(mixed), g, output)[1:], strict=True))
    gradients = {f"output.{name}": value for name, value in gradients.items()}
    # A turn is undone by its transpose on the way back.
    dq = np.einsum("...ji,...j->...i", turn_q, dq)
    dk = np.einsum("...ji,...j->...i", turn_k, ungrouped(dk, groups))
    ends = {}
    for name, source, d in (
        ("query", x, dq),
        ("key", m, dk),
        ("value", m, ungrouped(dv, groups)),
    ):
        ends[name], dweight, dbias = dense_back(source, merge(d), own[f"{name}.weight"])
        gradients |= {f"{name}.weight": dweight, f"{name}.bias": dbias}
    kept = {name: gradients[name] for name in own}
    return a, ends["query"], ends["key"] + ends["value"], kept


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_multi_head_attention_to_oneself(name, masked):
    layer = MultiHeadAttention(4, **CASES[name])
    x, g = draw(B, S, 16), draw(B, S, 16, seed=1)
    mask = MASK if masked else None
    module = module_of(layer, (S, 16), *[(S,)] * masked)
    a, (dx,), gradients = forward_and_backward(module, (x,), g, mask)
    allowed = permitted(S, S, causal=layer.causal, window=layer.window, mask=mask)
    expected, first, second, weights = multi_head_oracle(
        layer, weights_of(module), x, x, g, allowed
    )
    agree([a, dx], [expected, first + second])
    assert gradients.keys() == weights.keys()
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, weights[key], err_msg=key, **CLOSE)


@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_to_a_memory(masked):
    layer = MultiHeadAttention(2, kv_heads=1, head_units=3, units=7)
    x, m, g = draw(B, T, 8), draw(B, S, 5, seed=1), draw(B, T, 7, seed=2)
    mask = MASK if masked else None
    module = module_of(layer, (T, 8), (S, 5), *[(S,)] * masked)
    a, inputs, gradients = forward_and_backward(module, (x, m), g, mask)
    allowed = permitted(T, S, mask=mask)
    *expected, weights = multi_head_oracle(layer, weights_of(module), x, m, g, allowed)
    agree([a, *inputs], expected)
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, weights[key], err_msg=key, **CLOSE)


def t5_bucket(distance, buckets, most, causal):
    """The bucket of j − i, by the paper's words: half of a side's are single, the rest grow."""
    before = buckets if causal else buckets // 2
    base = before if distance > 0 and not causal else 0
    far = max(-distance, 0) if causal else abs(distance)
    single = before // 2
    if far < single:
        return base + far
    grown = math.log(far / single) / math.log(most / single) * (before - single)
    return base + min(single + int(grown), before - 1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", ["buckets", "distances", "alibi"])
def test_biases_of_the_distance(kind, causal):
    heads, length = 6, 40
    positions = {
        "buckets": BucketedBias(buckets=8, max_distance=20),
        "distances": DistanceBias(max_distance=7),
        "alibi": "alibi",
    }[kind]
    x, g = draw(2, length, 12), draw(2, length, 12, seed=1)
    module = module_of(DotProductAttention(heads, causal=causal, positions=positions), (length, 12))
    i, j = np.arange(length)[:, None], np.arange(length)[None, :]
    table = weights_of(module).get("position_bias")
    if kind == "alibi":
        # Four heads as for a power of two, then every other slope of eight heads.
        slopes = [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]
        bias = -np.array(slopes)[:, None, None] * abs(j - i)
    else:
        rows = np.clip(j - i, -7, 7) + 7
        if kind == "buckets":
            rows = np.vectorize(lambda d: t5_bucket(d, 8, 20, causal))(j - i)
        bias = table[rows].transpose(2, 0, 1)
    allowed = (j <= i) if causal else np.ones((length, length), bool)
    q = split(x, heads)
    a, dq, dk, dv, dz = attend(q, q, q, split(g, heads), scale=2**-0.5, allowed=allowed, bias=bias)
    found, (dx,), gradients = forward_and_backward(module, (x,), g)
    agree([found, dx], [merge(a), merge(dq + dk + dv)])
    if table is not None:
        expected = np.zeros_like(table)
        np.add.at(expected, rows, dz.sum(axis=0).transpose(1, 2, 0))
        np.testing.assert_allclose(gradients["position_bias"], expected, **CLOSE)


def normal_back(x, g, gamma, epsilon, *, centred):
    """y, dx, dγ of γ (x − μ) / √(var + ε), or without the mean."""
    c = x - x.mean(axis=-1, keepdims=True) if centred else x
    s = np.sqrt((c**2).mean(axis=-1, keepdims=True) + epsilon)
    n, h = c / s, g * gamma
    dx = h - n * (h * n).mean(axis=-1, keepdims=True)
    if centred:
        dx = dx - h.mean(axis=-1, keepdims=True)
    return gamma * n, dx / s, (g * n).sum(axis=tuple(range(x.ndim - 1)))


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_normalised_queries_and_keys(kind):
    x, g = draw(B, T, 8), draw(B, T, 8, seed=1)
    module = module_of(DotProductAttention(2, normalise=kind, epsilon=1e-3), (T, 8))
    own, heads = weights_of(module), split(x, 2)
    ends, centred = split(g, 2), kind == "layer"
    q, k = (
        normal_back(heads, ends, own[name], 1e-3, centred=centred)[0]
        for name in ("query_norm", "key_norm")
    )
    allowed = np.ones((T, T), bool)
    a, dq, dk, dv, _ = attend(q, k, heads, ends, scale=0.5, allowed=allowed)
    _, from_q, query_norm = normal_back(heads, dq, own["query_norm"], 1e-3, centred=centred)
    _, from_k, key_norm = normal_back(heads, dk, own["key_norm"], 1e-3, centred=centred)
    found, (dx,), gradients = forward_and_backward(module, (x,), g)
    agree([found, dx], [merge(a), merge(from_q + from_k + dv)])
    agree([gradients["query_norm"], gradients["key_norm"]], [query_norm, key_norm])


@pytest.mark.parametrize("masked", [False, True])
def test_additive_attention(masked):
    x, m, g = draw(B, T, 4), draw(B, S, 3, seed=1), draw(B, T, 3, seed=2)
    mask = MASK if masked else None
    module = module_of(AdditiveAttention(7), (T, 4), (S, 3), *[(S,)] * masked)
    own = weights_of(module)
    h = np.tanh(
        (x @ own["query_weight"].T + own["bias"])[:, :, None] + (m @ own["key_weight"].T)[:, None]
    )
    p = softmax(h @ own["score_weight"], permitted(T, S, mask=mask)[:, 0])
    dz = softmax_back(p, g @ m.transpose(0, 2, 1))
    du = dz[..., None] * own["score_weight"] * (1 - h**2)
    dx, query_weight, bias = dense_back(x, du.sum(axis=2), own["query_weight"])
    dm, key_weight, _ = dense_back(m, du.sum(axis=1), own["key_weight"])
    a, inputs, gradients = forward_and_backward(module, (x, m), g, mask)
    agree([a, *inputs], [p @ m, dx, dm + p.transpose(0, 2, 1) @ g])
    expected = {
        "query_weight": query_weight,
        "key_weight": key_weight,
        "bias": bias,
        "score_weight": np.einsum("bts,btsu->u", dz, h),
    }
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **CLOSE)


def test_luong_s_general_attention():
    x, m, g = draw(B, T, 4), draw(B, S, 3, seed=1), draw(B, T, 3, seed=2)
    module = module_of(LuongAttention(), (T, 4), (S, 3))
    own = weights_of(module)["key.weight"]
    allowed = np.ones((T, S), bool)
    a, dq, dk, dv, _ = attend(x, m @ own.T, m, g, scale=1.0, allowed=allowed)
    through, weight, _ = dense_back(m, dk, own)
    found, inputs, gradients = forward_and_backward(module, (x, m), g)
    agree([found, *inputs, gradients["key.weight"]], [a, dq, dv + through, weight])


def gelu(z):
    cdf = (1 + erf(z / math.sqrt(2))) / 2
    return z * cdf, cdf + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def inside(own, name):
    return {key[len(name) + 1 :]: value for key, value in own.items() if key.startswith(name + ".")}


def feed_forward_oracle(own, x, g):
    z = x @ own["hidden.weight"].T + own["hidden.bias"]
    value, slope = gelu(z)
    dvalue, output_weight, output_bias = dense_back(value, g, own["output.weight"])
    dx, hidden_weight, hidden_bias = dense_back(x, dvalue * slope, own["hidden.weight"])
    a = value @ own["output.weight"].T + own["output.bias"]
    return a, dx, {
        "hidden.weight": hidden_weight,
        "hidden.bias": hidden_bias,
        "output.weight": output_weight,
        "output.bias": output_bias,
    }  # fmt: skip


@pytest.mark.parametrize("order", ["pre", "post"])
def test_a_whole_encoder_block_layer_by_layer(order):
    """Forward through every layer of the block, then backward through each in turn."""
    layer = TransformerEncoder(2, 12, order=order, causal=True, epsilon=1e-3)
    x, g = draw(B, S, 8), draw(B, S, 8, seed=1)
    module = module_of(layer, (S, 8), (S,))
    own = weights_of(module)
    allowed = permitted(S, S, causal=True, mask=MASK)
    gradients: dict[str, np.ndarray] = {}

    def norm(name, value, grad):
        parts = inside(own, f"{name}_norm")
        y, dvalue, weight = normal_back(value, grad, parts["weight"], 1e-3, centred=True)
        gradients[f"{name}_norm.weight"] = weight
        gradients[f"{name}_norm.bias"] = grad.sum(axis=(0, 1))
        return y + parts["bias"], dvalue

    def sublayer(name, value, grad):
        if name == "attention":
            a, dq, dm, weights = multi_head_oracle(
                MultiHeadAttention(2), inside(own, name), value, value, grad, allowed
            )
            dvalue = dq + dm
        else:
            a, dvalue, weights = feed_forward_oracle(inside(own, name), value, grad)
        gradients.update({f"{name}.{key}": each for key, each in weights.items()})
        return a, dvalue

    def around(name, value, grad):
        """One sublayer with its way around: its output, and the gradient for what came in."""
        if order == "pre":
            normal, _ = norm(name, value, grad)
            a, dnormal = sublayer(name, normal, grad)
            return value + a, grad + norm(name, value, dnormal)[1]
        a, _ = sublayer(name, value, grad)
        y, dsum = norm(name, value + a, grad)
        return y, dsum + sublayer(name, value, dsum)[1]

    middle, _ = around("attention", x, g)
    expected, dmiddle = around("feed_forward", middle, g)
    _, dx = around("attention", x, dmiddle)
    a, (found,), torchs = forward_and_backward(module, (x,), g, MASK)
    agree([a, found], [expected, dx])
    assert torchs.keys() == gradients.keys()
    for name, gradient in torchs.items():
        np.testing.assert_allclose(gradient, gradients[name], err_msg=name, **CLOSE)


def test_a_gated_feed_forward():
    x, g = draw(B, 4), draw(B, 4, seed=1)
    module = module_of(GatedFeedForward(6), (4,))
    own = weights_of(module)
    z, u = x @ own["gate.weight"].T, x @ own["hidden.weight"].T
    sigma = 1 / (1 + np.exp(-z))
    dproduct, output, _ = dense_back(z * sigma * u, g, own["output.weight"])
    slope = sigma * (1 + z * (1 - sigma))
    from_gate, gate, _ = dense_back(x, dproduct * u * slope, own["gate.weight"])
    from_hidden, hidden, _ = dense_back(x, dproduct * z * sigma, own["hidden.weight"])
    a, (dx,), gradients = forward_and_backward(module, (x,), g)
    agree([a, dx], [(z * sigma * u) @ own["output.weight"].T, from_gate + from_hidden])
    agree([gradients[f"{n}.weight"] for n in ("gate", "hidden", "output")], [gate, hidden, output])


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_a_mixture_of_experts_is_the_loop_over_places_and_experts(top_k):
    experts, features, hidden, places = 4, 5, 3, B * T
    x, g = draw(B, T, features), draw(B, T, features, seed=1)
    layer = MixtureOfExperts(experts, top_k=top_k, hidden=hidden, activation="tanh")
    module = module_of(layer, (T, features))
    own = weights_of(module)
    a, dx = np.zeros((places, features)), np.zeros((places, features))
    expected = {name: np.zeros_like(value) for name, value in own.items()}
    for n, (row, grad) in enumerate(zip(x.reshape(places, -1), g.reshape(places, -1), strict=True)):
        z = own["gate"] @ row
        asked = np.argsort(-z)[:top_k]
        among = np.arange(experts) if top_k == 1 else asked
        share = softmax(z, np.isin(np.arange(experts), among))
        dshare = np.zeros(experts)
        for e in asked:
            h = np.tanh(own["hidden_weight"][e] @ row + own["hidden_bias"][e])
            said = own["output_weight"][e] @ h + own["output_bias"][e]
            a[n] += share[e] * said
            dshare[e] = grad @ said
            dsaid = share[e] * grad
            dh = own["output_weight"][e].T @ dsaid * (1 - h**2)
            expected["output_weight"][e] += np.outer(dsaid, h)
            expected["output_bias"][e] += dsaid
            expected["hidden_weight"][e] += np.outer(dh, row)
            expected["hidden_bias"][e] += dh
            dx[n] += own["hidden_weight"][e].T @ dh
        dz = softmax_back(share, dshare)
        expected["gate"] += np.outer(dz, row)
        dx[n] += own["gate"].T @ dz
    found, (dfound,), gradients = forward_and_backward(module, (x,), g)
    agree([found, dfound], [a.reshape(x.shape), dx.reshape(x.shape)])
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **CLOSE)


def test_the_penalties_of_a_mixture_count_real_places_only():
    experts, top_k, balance, router_z = 4, 2, 0.3, 0.05
    layer = MixtureOfExperts(experts, top_k=top_k, hidden=3, balance=balance, router_z=router_z)
    module, x = module_of(layer, (S, 5), (S,)).train(), draw(B, S, 5)
    own = weights_of(module)["gate"]
    rows = torch.from_numpy(x)
    with collected_penalties() as terms:
        module(rows, torch.from_numpy(MASK))
    real = x[MASK != 0]
    z = real @ own.T
    p = softmax(z, np.ones_like(z, bool))
    chosen = np.zeros_like(z)
    np.put_along_axis(chosen, np.argsort(-z)[:, :top_k], 1.0, axis=1)
    fraction = chosen.mean(axis=0) / top_k
    z_loss = (np.log(np.exp(z).sum(axis=1)) ** 2).mean()
    expected = [balance * experts * (fraction * p.mean(axis=0)).sum(), router_z * z_loss]
    agree([term.item() for term in terms], expected)
    # The choices are steps: the balance's slope comes through the probabilities alone.
    dz = balance * experts * softmax_back(p, np.broadcast_to(fraction, p.shape)) / len(real)
    dz += router_z * 2 * np.log(np.exp(z).sum(axis=1, keepdims=True)) * p / len(real)
    sum(terms).backward()
    np.testing.assert_allclose(module.gate.grad.numpy(), dz.T @ real, **CLOSE)


def test_sinusoidal_positions():
    x, g = draw(B, T, 6), draw(B, T, 6, seed=1)
    waves = np.zeros((T, 6))
    for t in range(T):
        for i in range(3):
            waves[t, 2 * i] = math.sin(t / 10_000 ** (2 * i / 6))
            waves[t, 2 * i + 1] = math.cos(t / 10_000 ** (2 * i / 6))
    a, (dx,), _ = forward_and_backward(module_of(SinusoidalPositions(), (T, 6)), (x,), g)
    agree([a, dx], [x + waves, g])


def test_learnt_positions_and_a_class_token():
    x, g = draw(B, T, 6), draw(B, T, 6, seed=1)
    module = module_of(PositionEmbedding(T + 2), (T, 6))
    a, (dx,), gradients = forward_and_backward(module, (x,), g)
    agree([a, dx], [x + weights_of(module)["weight"][:T], g])
    agree([gradients["weight"]], [np.concatenate([g.sum(axis=0), np.zeros((2, 6))])])
    module, g = module_of(ClassToken(), (T, 6)), draw(B, T + 1, 6, seed=1)
    a, (dx,), gradients = forward_and_backward(module, (x,), g)
    token = np.broadcast_to(weights_of(module)["weight"], (B, 1, 6))
    agree([a, dx], [np.concatenate([token, x], axis=1), g[:, 1:]])
    agree([gradients["weight"]], [g[:, 0].sum(axis=0)])


@pytest.mark.parametrize("stride", [None, 1])
def test_patches_of_a_picture(stride):
    patch, step = 2, stride or 2
    x = draw(B, 4, 6, 3)
    rows, columns = (4 - patch) // step + 1, (6 - patch) // step + 1
    g = draw(B, rows * columns, 5, seed=1)
    module = module_of(PatchEmbedding(5, patch=patch, stride=stride), (4, 6, 3))
    own = weights_of(module)
    a, dx, weight = np.zeros_like(g), np.zeros_like(x), np.zeros_like(own["weight"])
    for r in range(rows):
        for c in range(columns):
            n = r * columns + c
            place = np.s_[:, r * step : r * step + patch, c * step : c * step + patch]
            a[:, n] = np.einsum("bhwc,dchw->bd", x[place], own["weight"]) + own["bias"]
            dx[place] += np.einsum("bd,dchw->bhwc", g[:, n], own["weight"])
            weight += np.einsum("bd,bhwc->dchw", g[:, n], x[place])
    found, (dfound,), gradients = forward_and_backward(module, (x,), g)
    agree([found, dfound, gradients["weight"], gradients["bias"]], [a, dx, weight, g.sum((0, 1))])


def test_patches_of_a_series():
    x, g = draw(B, 9, 2), draw(B, 4, 6, seed=1)
    expected, dx = np.zeros_like(g), np.zeros_like(x)
    for n in range(4):
        expected[:, n] = x[:, 2 * n : 2 * n + 3].reshape(B, -1)
        dx[:, 2 * n : 2 * n + 3] += g[:, n].reshape(B, 3, 2)
    a, (found,), _ = forward_and_backward(module_of(SeriesPatches(3, stride=2), (9, 2)), (x,), g)
    agree([a, found], [expected, dx])
