"""How good outputs are, the same for every contender: NumPy and float64 alone.

Logits are [rows, classes] or [rows, places, classes]; everything else has the targets' shape.
"""

from __future__ import annotations

import numpy as np


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose largest logit is the true class's."""
    return float((outputs.argmax(-1) == targets).mean())


def cross_entropy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Minus the mean log-probability of the true class, in nats."""
    logits = outputs.astype(np.float64)
    logits = logits - logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(-1))
    return float((log_sum - np.take_along_axis(logits, targets[..., None], -1)[..., 0]).mean())


def mean_squared_error(outputs: np.ndarray, targets: np.ndarray) -> float:
    return float(np.square(outputs.astype(np.float64).reshape(targets.shape) - targets).mean())


def binary_cross_entropy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The mean over all numbers, from logits: max(z, 0) − z·y + log(1 + exp(−|z|))."""
    logits = outputs.astype(np.float64).reshape(targets.shape)
    soft = np.log1p(np.exp(-np.abs(logits)))
    return float((np.maximum(logits, 0) - logits * targets + soft).mean())


MEASURES = {
    measure.__name__: measure
    for measure in (accuracy, cross_entropy, mean_squared_error, binary_cross_entropy)
}
