"""What the relatives of Adam share: two running moments of the gradient, and their corrections."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import (
    advance_mean_,
    advance_mean_square_,
    counted_,
    each,
    new_counters,
    root_mean_squares,
    zeros_like_each,
)
from ranvier.optim.optimizer import Optimizer


@dataclass(frozen=True)
class Adaptive(Optimizer):
    """An optimiser that keeps the gradient's mean and mean square.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²

    Both start at zero and are too small at first, so they are divided by 1 − β₁ᵗ and 1 − β₂ᵗ.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.
    """

    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "beta1": (0 <= self.beta1 < 1, "a number from 0 to below 1"),
            "beta2": (0 <= self.beta2 < 1, "a number from 0 to below 1"),
            "epsilon": (self.epsilon >= 0, "a number of at least 0"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "step": new_counters(parameters),
            "mean": zeros_like_each(parameters),
            "mean_square": zeros_like_each(parameters),
        }

    def _advance(self, gradients: list[Tensor], slots: Slots) -> Tensor:
        """Count, advance both moments, in place; the counts t come back, [P]."""
        t_P = counted_(slots["step"])
        advance_mean_(slots["mean"], gradients, self.beta1)
        advance_mean_square_(slots["mean_square"], gradients, self.beta2)
        return t_P

    def _corrected_root(self, slots: Slots, t_P: Tensor) -> list[Tensor]:
        """√(v / (1 − β₂ᵗ)) + ε."""
        corrected = list(torch._foreach_div(slots["mean_square"], each(1 - self.beta2**t_P)))
        return root_mean_squares(corrected, self.epsilon)
