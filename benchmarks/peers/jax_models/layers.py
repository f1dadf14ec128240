"""What the networks are made of. Weights are a flat dictionary by Ranvier's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Weights = dict[str, jax.Array]


def dense(weights: Weights, name: str, x: jax.Array) -> jax.Array:
    out = x @ weights[f"{name}.weight"].T
    return out + weights[f"{name}.bias"] if f"{name}.bias" in weights else out


def convolution(
    weights: Weights, name: str, x: jax.Array, *, stride: int = 1, padding: int = 0
) -> jax.Array:
    """On [rows, height, width, channels]; kernels as PyTorch has them: out, in, height, width."""
    out = jax.lax.conv_general_dilated(
        x,
        weights[f"{name}.weight"],
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "OIHW", "NHWC"),
    )
    return out + weights[f"{name}.bias"] if f"{name}.bias" in weights else out


def average_pool(x: jax.Array) -> jax.Array:
    """The mean of every 2 × 2."""
    rows, height, width, channels = x.shape
    return x.reshape(rows, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def layer_norm(weights: Weights, name: str, x: jax.Array) -> jax.Array:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    normal = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def batch_norm(
    weights: Weights, running: Weights, name: str, x: jax.Array, *, training: bool
) -> tuple[jax.Array, Weights]:
    """Normalised by its batch in training, by the running statistics, which come too, otherwise."""
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count = x.size // x.shape[-1]
        old_mean, old_variance = running[f"{name}.mean"], running[f"{name}.variance"]
        unbiased = variance * count / (count - 1)
        running = running | {
            f"{name}.mean": 0.9 * old_mean + 0.1 * mean,
            f"{name}.variance": 0.9 * old_variance + 0.1 * unbiased,
        }
    else:
        mean, variance = running[f"{name}.mean"], running[f"{name}.variance"]
    normal = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"], running


def running_statistics(weights: Weights) -> Weights:
    """Means of 0 and variances of 1 for every batch normalisation."""
    found = {}
    for name, value in weights.items():
        if "batch_norm" in name and name.endswith(".weight"):
            path = name.removesuffix(".weight")
            found |= {
                f"{path}.mean": jnp.zeros_like(value),
                f"{path}.variance": jnp.ones_like(value),
            }
    return found
