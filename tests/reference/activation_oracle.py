"""Every activation and its derivative in NumPy float64, written from the equations.

z pre-activation, g = ∂L/∂a for the output a, dz = ∂L/∂z. Each is written so that nothing
overflows at ±1e4, which the naive form of the equation would.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
ROOT = math.sqrt(2 / math.pi)


def negative(z):
    """min(0, z), for an exponential that is only wanted there."""
    return np.minimum(z, 0)


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def softplus(z):
    return np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)


def normal_cdf(z):
    return (1 + erf(z / math.sqrt(2))) / 2


def gelu_slope(z):
    return normal_cdf(z) + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(z):
    return z / 2 * (1 + np.tanh(ROOT * (z + 0.044715 * z**3)))


def gelu_tanh_slope(z):
    t = np.tanh(ROOT * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t**2) * ROOT * (1 + 3 * 0.044715 * z**2)


def mish_slope(z):
    t = np.tanh(softplus(z))
    return t + z * (1 - t**2) * sigmoid(z)


def hard_silu_slope(z):
    return np.where(z >= 3, 1, np.where(z <= -3, 0, (2 * z + 3) / 6))


def inside(z, low, high):
    return ((z > low) & (z < high)) * 1.0


SLOPES = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "relu6": (lambda z: np.clip(z, 0, 6), lambda z: inside(z, 0, 6)),
    "leaky_relu": (
        lambda z, slope=0.01: np.where(z > 0, z, slope * z),
        lambda z, slope=0.01: np.where(z > 0, 1, slope),
    ),
    "threshold": (
        lambda z, threshold=1, value=0: np.where(z > threshold, z, value),
        lambda z, threshold=1, value=0: (z > threshold) * 1.0,
    ),
    "elu": (
        lambda z, alpha=1: np.where(z > 0, z, alpha * np.expm1(negative(z))),
        lambda z, alpha=1: np.where(z > 0, 1, alpha * np.exp(negative(z))),
    ),
    "celu": (
        lambda z, alpha=1: np.where(z > 0, z, alpha * np.expm1(negative(z) / alpha)),
        lambda z, alpha=1: np.where(z > 0, 1, np.exp(negative(z) / alpha)),
    ),
    "selu": (
        lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(negative(z))),
        lambda z: SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(negative(z))),
    ),
    "gelu": (lambda z: z * normal_cdf(z), gelu_slope),
    "gelu_tanh": (gelu_tanh, gelu_tanh_slope),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
    "mish": (lambda z: z * np.tanh(softplus(z)), mish_slope),
    "hard_silu": (lambda z: z * np.clip(z / 6 + 0.5, 0, 1), hard_silu_slope),
    "softplus": (
        lambda z, beta=1: softplus(beta * z) / beta,
        lambda z, beta=1: sigmoid(beta * z),
    ),
    "squareplus": (
        lambda z, b=4: (z + np.sqrt(z**2 + b)) / 2,
        lambda z, b=4: (1 + z / np.sqrt(z**2 + b)) / 2,
    ),
    "sparse_plus": (
        lambda z: np.where(z >= 1, z, np.where(z <= -1, 0, (z + 1) ** 2 / 4)),
        lambda z: np.clip((z + 1) / 2, 0, 1),
    ),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "hard_sigmoid": (lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda z: inside(z, -3, 3) / 6),
    "sparse_sigmoid": (lambda z: np.clip((z + 1) / 2, 0, 1), lambda z: inside(z, -1, 1) / 2),
    "log_sigmoid": (lambda z: -softplus(-z), lambda z: sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "hard_tanh": (
        lambda z, low=-1, high=1: np.clip(z, low, high),
        lambda z, low=-1, high=1: inside(z, low, high),
    ),
    "softsign": (lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    "tanh_shrink": (lambda z: z - np.tanh(z), lambda z: np.tanh(z) ** 2),
    "soft_shrink": (
        lambda z, threshold=0.5: np.sign(z) * np.maximum(np.abs(z) - threshold, 0),
        lambda z, threshold=0.5: (np.abs(z) > threshold) * 1.0,
    ),
    "hard_shrink": (
        lambda z, threshold=0.5: np.where(np.abs(z) > threshold, z, 0),
        lambda z, threshold=0.5: (np.abs(z) > threshold) * 1.0,
    ),
    "exponential": (np.exp, np.exp),
}
"""f and f′ of one number, with the parameters by name."""


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_and_slope(z, g):
    s = softmax(z)
    return s, s * (g - (g * s).sum(axis=-1, keepdims=True))


def softmin_and_slope(z, g):
    a, dz = softmax_and_slope(-z, g)
    return a, -dz


def log_softmax_and_slope(z, g):
    shifted = z - z.max(axis=-1, keepdims=True)
    a = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return a, g - softmax(z) * g.sum(axis=-1, keepdims=True)


def sparsemax_and_slope(z, g):
    """τ found by halving an interval, which owes nothing to sorting; dz = g − mean of g, on S."""
    low, high = z.max(axis=-1, keepdims=True) - 1, z.max(axis=-1, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        too_low = np.maximum(z - middle, 0).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    kept = z > high
    mean = (g * kept).sum(axis=-1, keepdims=True) / kept.sum(axis=-1, keepdims=True)
    return np.maximum(z - high, 0), kept * (g - mean)


OVER_FEATURES = {
    "softmax": softmax_and_slope,
    "softmin": softmin_and_slope,
    "log_softmax": log_softmax_and_slope,
    "sparsemax": sparsemax_and_slope,
}
"""f and dz of a row of numbers, which f takes together."""


def activation_oracle(name, z, g, **parameters):
    """a = f(z), and dz for the gradient g of a."""
    if name in OVER_FEATURES:
        return OVER_FEATURES[name](z, g)
    value, slope = SLOPES[name]
    return value(z, **parameters), g * slope(z, **parameters)
