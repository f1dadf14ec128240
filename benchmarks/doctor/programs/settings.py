"""Optimisers, losses and schedules as people write them down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

MakeOptimizer = Callable[[Iterable[Tensor]], Optimizer]

ENTROPY = nn.CrossEntropyLoss()
LOGITS = nn.BCEWithLogitsLoss()
PROBABILITIES = nn.BCELoss()
SQUARES = nn.MSELoss()


def adam(rate: float = 1e-3) -> MakeOptimizer:
    """Adam, otherwise as it comes."""
    return lambda parameters: torch.optim.Adam(parameters, lr=rate)


def adamw(rate: float = 1e-3) -> MakeOptimizer:
    """AdamW, otherwise as it comes."""
    return lambda parameters: torch.optim.AdamW(parameters, lr=rate)


def sgd(rate: float, *, momentum: float = 0.0, weight_decay: float = 0.0) -> MakeOptimizer:
    """Plain descent, with momentum or decay if asked."""
    return lambda parameters: torch.optim.SGD(
        parameters, lr=rate, momentum=momentum, weight_decay=weight_decay
    )


def rmsprop(rate: float = 1e-3) -> MakeOptimizer:
    """RMSprop, otherwise as it comes."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=rate)


def adagrad(rate: float = 1e-2) -> MakeOptimizer:
    """Adagrad, otherwise as it comes."""
    return lambda parameters: torch.optim.Adagrad(parameters, lr=rate)


def cosine(done: float) -> float:
    """Down to nothing along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * done))


def warm_cosine(done: float) -> float:
    """Up over the first tenth, then down along half a cosine."""
    return max(0.1, 10 * done) if done < 0.1 else cosine((done - 0.1) / 0.9)


def steps(done: float) -> float:
    """A tenth of the rate after half of the training, a hundredth after four fifths."""
    return 1.0 if done < 0.5 else 0.1 if done < 0.8 else 0.01


def binary(logits: Tensor) -> Tensor:
    """What a probability is above or below, as a logit's sign says it."""
    return logits - 0.5


def by_place(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of logits `[N, T, C]` and tokens `[N, T]`."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
