"""BERT and GPT-2 in NumPy float64, from their equations, on weights under their published names.

B batch, T places, C features, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import erf

Array = np.ndarray
Weights = Mapping[str, Array]


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def norm(x: Array, scale: Array, shift: Array, epsilon: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * scale + shift


def attend(query: Array, keys: Array, values: Array, heads: int, may_BTT: Array) -> Array:
    """Each head by itself, in a plain loop; `may_BTT` says who may look at whom."""
    width = query.shape[-1] // heads
    found = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = query[..., part] @ keys[..., part].swapaxes(1, 2) / math.sqrt(width)
        found.append(softmax(np.where(may_BTT, scores, -1e30)) @ values[..., part])
    return np.concatenate(found, -1)


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def bert(weights: Weights, codes: Array, segments: Array, *, heads: int) -> tuple[Array, Array]:
    """Features of all places, and the pooled first one; code 0 is padding."""

    def linear(name: str, x: Array) -> Array:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normal(name: str, x: Array) -> Array:
        return norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    embedded = "embeddings.{}_embeddings.weight".format
    x = weights[embedded("word")][codes] + weights[embedded("token_type")][segments]
    x = normal("embeddings.LayerNorm", x + weights[embedded("position")][: codes.shape[1]])
    may = np.broadcast_to((codes != 0)[:, None, :], (*codes.shape, codes.shape[1]))
    layer = 0
    while f"encoder.layer.{layer}.output.dense.weight" in weights:
        at = f"encoder.layer.{layer}."
        query, keys, values = (
            linear(f"{at}attention.self.{name}", x) for name in ("query", "key", "value")
        )
        mixed = linear(f"{at}attention.output.dense", attend(query, keys, values, heads, may))
        x = normal(f"{at}attention.output.LayerNorm", x + mixed)
        wide = gelu(linear(f"{at}intermediate.dense", x))
        x = normal(f"{at}output.LayerNorm", x + linear(f"{at}output.dense", wide))
        layer += 1
    return x, np.tanh(linear("pooler.dense", x[:, 0]))


def gpt2(weights: Weights, codes: Array, *, heads: int) -> Array:
    """Logits of the next word at every place. Maps are [in, out]; one gives query, keys, values."""

    def linear(name: str, x: Array) -> Array:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def normal(name: str, x: Array) -> Array:
        return norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    length = codes.shape[1]
    x = weights["wte.weight"][codes] + weights["wpe.weight"][:length]
    may = np.tril(np.ones((length, length), dtype=bool))[None]
    layer = 0
    while f"h.{layer}.ln_1.weight" in weights:
        at = f"h.{layer}."
        query, keys, values = np.split(linear(f"{at}attn.c_attn", normal(f"{at}ln_1", x)), 3, -1)
        x = x + linear(f"{at}attn.c_proj", attend(query, keys, values, heads, may))
        x = x + linear(
            f"{at}mlp.c_proj", gelu_tanh(linear(f"{at}mlp.c_fc", normal(f"{at}ln_2", x)))
        )
        layer += 1
    return normal("ln_f", x) @ weights["wte.weight"].T
