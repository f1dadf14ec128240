"""Attention against Keras on the same weights, which lie there as [C, H, D] and [H, D, C].

Where a default differs, the case gives ours the other's value, and docs/conventions.md lists it.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    AdditiveAttention,
    DotProductAttention,
    LuongAttention,
    MultiHeadAttention,
)

B, T, S, C = 3, 5, 7, 8
CLOSE = {"rtol": 0, "atol": 2e-6}
# No query is left without any place: theirs would then be the mean of all values, ours zeros.
REAL = np.array([[1, 1, 1, 1, 1, 0, 0], [1, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], dtype=bool)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def fill(module, layer):
    """Their kernels, drawn, laid into ours: [C, H, D] as [H D, C], [H, D, C] as [C, H D]."""
    for i, variable in enumerate(layer.weights):
        variable.assign(draw(*variable.shape, seed=i) * 0.5)
    dense = {
        "query": layer._query_dense,
        "key": layer._key_dense,
        "value": layer._value_dense,
        "output": layer._output_dense,
    }
    with torch.no_grad():
        for name, theirs in dense.items():
            kernel, *bias = (variable.value.detach().cpu() for variable in theirs.weights)
            inner = kernel.flatten(0, 1) if name == "output" else kernel.flatten(1)
            ours = module.get_submodule(name)
            ours.weight.copy_(inner.T)
            if bias:
                ours.bias.copy_(bias[0].flatten())
    return module


def agree(module, expected, *inputs):
    found = module(*(torch.from_numpy(each) for each in inputs))
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), **CLOSE)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_to_oneself(causal, bias, masked):
    x = draw(B, S, C)
    theirs = keras.layers.MultiHeadAttention(2, 5, use_bias=bias)
    theirs.build(x.shape, x.shape)
    layer = MultiHeadAttention(2, head_units=5, causal=causal, bias=bias)
    ours = fill(build(layer, ((S, C), (S,)) if masked else (S, C)), theirs)
    mask = REAL if masked else None
    expected = theirs(x, x, value_mask=mask, use_causal_mask=causal)
    agree(ours, expected, x, *([REAL] if masked else []))


def test_multi_head_attention_to_a_memory_and_another_width():
    x, m = draw(B, T, C), draw(B, S, 6, seed=7)
    theirs = keras.layers.MultiHeadAttention(4, 3, output_shape=9)
    theirs.build(x.shape, m.shape)
    layer = MultiHeadAttention(4, head_units=3, units=9)
    ours = fill(build(layer, ((T, C), (S, 6), (S,))), theirs)
    agree(ours, theirs(x, m, value_mask=REAL), x, m, REAL)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_grouped_queries(groups, causal):
    x = draw(B, S, C)
    theirs = keras.layers.GroupQueryAttention(3, 4, groups)
    theirs.build(x.shape, x.shape)
    ours = build(MultiHeadAttention(4, kv_heads=groups, head_units=3, causal=causal), (S, C))
    agree(fill(ours, theirs), theirs(x, x, use_causal_mask=causal), x)


@pytest.mark.parametrize("causal", [False, True])
def test_dot_product_attention_is_unscaled_there(causal):
    q, v, k = draw(B, S, C), draw(B, S, 6, seed=1), draw(B, S, C, seed=2)
    theirs = keras.layers.Attention()
    layer = DotProductAttention(scale=1.0, causal=causal)
    ours = build(layer, ((S, C), (S, C), (S, 6), (S,)))
    expected = theirs([q, v, k], mask=[None, REAL], use_causal_mask=causal)
    # They take the query, the values, then the keys.
    agree(ours, expected, q, k, v, REAL)


def test_luong_s_dot_is_the_same_with_keys_for_values():
    q, m = draw(B, T, C), draw(B, S, C, seed=1)
    expected = keras.layers.Attention()([q, m])
    agree(build(LuongAttention("dot"), ((T, C), (S, C))), expected, q, m)


def test_additive_attention_is_without_maps_there():
    q, m = draw(B, T, C), draw(B, S, C, seed=1)
    theirs = keras.layers.AdditiveAttention()
    theirs.build([q.shape, m.shape])
    theirs.set_weights([draw(C, seed=2)])
    ours = build(AdditiveAttention(C, bias=False), ((T, C), (S, C), (S,)))
    with torch.no_grad():
        ours.query_weight.copy_(torch.eye(C))
        ours.key_weight.copy_(torch.eye(C))
        ours.score_weight.copy_(torch.from_numpy(draw(C, seed=2)))
    agree(ours, theirs([q, m], mask=[None, REAL]), q, m, REAL)


def test_a_query_without_any_place_is_the_mean_of_all_there_and_zeros_here():
    q, m = draw(1, T, C), draw(1, S, C, seed=1)
    nothing = np.zeros((1, S), dtype=bool)
    theirs = keras.layers.Attention()([q, m], mask=[None, nothing]).numpy()
    ours = build(DotProductAttention(scale=1.0), ((T, C), (S, C), (S,)))
    found = ours(*(torch.from_numpy(each) for each in (q, m, nothing)))
    assert torch.equal(found, torch.zeros(1, T, C))
    assert np.abs(theirs).max() > 0.1
