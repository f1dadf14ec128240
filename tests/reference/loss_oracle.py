"""What holds a loss against its equation: places, slopes and weights in NumPy float64.

An oracle takes a prediction and a target and returns, written from the equation with the derivative
by hand: the loss of every place [B, ...], its slope by the prediction (of the prediction's shape),
and what every place counts [B, ...].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ranvier.losses import Loss, PerMember

Oracle = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Case:
    """A loss, its oracle, and what both are given."""

    loss: Loss
    oracle: Oracle
    prediction: np.ndarray
    target: np.ndarray

    def check(self, weight: np.ndarray | None) -> None:
        """The mean over all places that count, and its gradient, to 1e-10."""
        places, slope, counts = self.oracle(self.prediction, self.target)
        sample = np.ones(len(places)) if weight is None else weight
        share = over(sample, places) * counts
        share = share / share.sum()

        value, gradient = value_and_gradient(self.loss, self.prediction, self.target, weight)

        close(value, (share * places).sum())
        close(gradient, over(share, slope) * slope)

    def check_per_member(self, weight: np.ndarray | None) -> None:
        """The mean over members of each member's own loss, and its gradient."""
        members = [self.prediction, -self.prediction, self.prediction / 2]
        oracles = [self.oracle(member, self.target) for member in members]
        sample = np.ones(len(self.target)) if weight is None else weight
        _, _, counts = oracles[0]
        share = over(sample, counts) * counts
        share = share / share.sum()

        loss, stacked = PerMember(self.loss), np.stack(members, axis=1)
        value, gradient = value_and_gradient(loss, stacked, self.target, weight)

        close(value, np.mean([(share * places).sum() for places, _, _ in oracles]))
        slopes = [over(share, slope) * slope / len(members) for _, slope, _ in oracles]
        close(gradient, np.stack(slopes, axis=1))

    def check_each(self) -> None:
        """Every sample's own loss: the mean over its places that count."""
        places, _, counts = self.oracle(self.prediction, self.target)
        each = self.loss.each(torch.as_tensor(self.prediction), torch.as_tensor(self.target))
        if places.ndim > 1:
            axes = tuple(range(1, places.ndim))
            total = counts.sum(axes)
            places = (counts * places).sum(axes) / np.where(total > 0, total, 1)
        close(each.numpy(), places)


def over(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`values` with trailing axes of 1 until it has as many as `like`."""
    return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))


def close(actual: np.ndarray | float, expected: np.ndarray | float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def value_and_gradient(
    loss: Loss, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> tuple[float, np.ndarray]:
    z = torch.tensor(prediction, requires_grad=True)
    value = loss(z, torch.as_tensor(target), None if weight is None else torch.as_tensor(weight))
    (gradient,) = torch.autograd.grad(value, z)
    return value.item(), gradient.numpy()


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def sigmoid(z: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def softplus(z: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, z)
