"""Every network as `f(weights, running, x, key) -> (outputs, running)`; a key is for training.

B rows, T places, C features, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.peers.jax_models.layers import (
    Weights,
    average_pool,
    batch_norm,
    convolution,
    dense,
    layer_norm,
)

HEADS = 4
Network = Callable[[Weights, Weights, jax.Array, jax.Array | None], tuple[Any, Weights]]


def mlp(
    weights: Weights, running: Weights, x: jax.Array, key: jax.Array | None
) -> tuple[jax.Array, Weights]:
    *hidden, last = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    for name in hidden:
        x = jax.nn.relu(dense(weights, name, x))
    return dense(weights, last, x), running


def lenet(
    weights: Weights, running: Weights, x: jax.Array, key: jax.Array | None
) -> tuple[jax.Array, Weights]:
    x = average_pool(jnp.tanh(convolution(weights, "conv_0", x, padding=2)))
    x = average_pool(jnp.tanh(convolution(weights, "conv_2", x)))
    x = x.reshape(len(x), -1)
    x = jnp.tanh(dense(weights, "dense_5", x))
    x = jnp.tanh(dense(weights, "dense_6", x))
    return dense(weights, "dense_7", x), running


def residual_cnn(
    weights: Weights, running: Weights, x: jax.Array, key: jax.Array | None
) -> tuple[jax.Array, Weights]:
    training = key is not None

    def normal(name: str, x: jax.Array) -> jax.Array:
        nonlocal running
        out, running = batch_norm(weights, running, name, x, training=training)
        return out

    def branch(path: str, x: jax.Array, stride: int) -> jax.Array:
        out = convolution(weights, f"{path}.conv_0", x, stride=stride, padding=1)
        out = jax.nn.relu(normal(f"{path}.batch_norm_1", out))
        out = convolution(weights, f"{path}.conv_3", out, padding=1)
        return normal(f"{path}.batch_norm_4", out)

    x = jax.nn.relu(normal("stem.batch_norm_1", convolution(weights, "stem.conv_0", x, padding=1)))
    x = jax.nn.relu(x + branch("stage_1.residual_0", x, 1))
    for stage in (2, 3):
        path = f"stage_{stage}.parallel_0"
        way = convolution(weights, f"{path}.sequence_1.conv_0", x, stride=2)
        way = normal(f"{path}.sequence_1.batch_norm_1", way)
        x = jax.nn.relu(branch(f"{path}.sequence_0", x, 2) + way)
    return dense(weights, "dense_5", x.mean((1, 2))), running


def forecaster(
    weights: Weights, running: Weights, x: jax.Array, key: jax.Array | None
) -> tuple[jax.Array, Weights]:
    reads_TBG = x.transpose(1, 0, 2) @ weights["lstm_0.weight_ih_l0"].T
    bias = weights["lstm_0.bias_ih_l0"] + weights["lstm_0.bias_hh_l0"]
    keeps = weights["lstm_0.weight_hh_l0"].T
    start = jnp.zeros((len(x), keeps.shape[0]))

    def place(state: tuple[jax.Array, jax.Array], reads: jax.Array) -> tuple[Any, None]:
        hidden, memory = state
        write, forget, new, output = jnp.split(reads + hidden @ keeps + bias, 4, -1)
        memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(write) * jnp.tanh(new)
        return (jax.nn.sigmoid(output) * jnp.tanh(memory), memory), None

    (hidden, _), _ = jax.lax.scan(place, (start, start), reads_TBG)
    return dense(weights, "dense_1", hidden)[:, 0], running


def gpt(
    weights: Weights, running: Weights, codes: jax.Array, key: jax.Array | None
) -> tuple[jax.Array, Weights]:
    x = weights["words.weight"][codes] + weights["positions.weight"]
    for block in range(sum(name.endswith("query.weight") for name in weights)):
        path = f"blocks.{block}.block"
        normal = layer_norm(weights, f"{path}.attention_norm", x)
        q, k, v = (
            dense(weights, f"{path}.attention.{part}", normal).reshape(*x.shape[:2], HEADS, -1)
            for part in ("query", "key", "value")
        )
        mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape)
        x = x + dense(weights, f"{path}.attention.output", mixed)
        normal = layer_norm(weights, f"{path}.feed_forward_norm", x)
        wide = jax.nn.gelu(dense(weights, f"{path}.feed_forward.hidden", normal), approximate=True)
        x = x + dense(weights, f"{path}.feed_forward.output", wide)
    return dense(weights, "head", layer_norm(weights, "norm", x)), running


def vae(
    weights: Weights, running: Weights, x: jax.Array, key: jax.Array | None
) -> tuple[Any, Weights]:
    hidden = jax.nn.relu(dense(weights, "encoder.dense_0", x))
    mean, log_variance = jnp.split(dense(weights, "distribution", hidden), 2, -1)
    code = mean
    if key is not None:
        code = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
    logits = dense(weights, "decoder.dense_1", jax.nn.relu(dense(weights, "decoder.dense_0", code)))
    return (logits if key is None else (logits, mean, log_variance)), running


NETWORKS: dict[str, Network] = {
    "mlp": mlp,
    "lenet": lenet,
    "residual_cnn": residual_cnn,
    "forecaster": forecaster,
    "gpt": gpt,
    "vae": vae,
}
