"""Lion: the sign of a mean of gradients."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import advance_mean_, descend, shrink_, zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("lion")
@dataclass(frozen=True)
class Lion(Optimizer):
    """Every weight moves by exactly η, with half of Adam's memory.

        θ ← θ − η·λ·θ
        θ ← θ − η·sign(β₁·m + (1 − β₁)·g)
        m ← β₂·m + (1 − β₂)·g

    Its learning rate is 3 to 10 times smaller than Adam's, and its weight decay as much larger.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded).

    Reference: Chen et al., Symbolic Discovery of Optimization Algorithms (2023), program 1.
    """

    learning_rate: float = 1e-4
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.99

    kind: ClassVar[str] = "lion"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "beta1": (0 <= self.beta1 < 1, "a number from 0 to below 1"),
            "beta2": (0 <= self.beta2 < 1, "a number from 0 to below 1"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {"mean": zeros_like_each(parameters)}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        shrink_(parameters, learning_rate, weight_decay)
        direction = list(torch._foreach_lerp(slots["mean"], gradients, 1 - self.beta1))
        torch._foreach_sign_(direction)
        descend(parameters, direction, learning_rate)
        advance_mean_(slots["mean"], gradients, self.beta2)
