"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import (
    advance_mean_,
    counted_,
    descend,
    each,
    new_counters,
    with_decay,
    zeros_like_each,
)
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register("adamax", other_spellings=("ada_max",))
@dataclass(frozen=True)
class Adamax(Adaptive):
    """No step is longer than about η, as the norm it divides by never forgets a peak at once.

        g ← g + λ·θ
        m ← β₁·m + (1 − β₁)·g
        u ← max(β₂·u, |g| + ε)
        θ ← θ − η/(1 − β₁ᵗ) · m / u

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 2; the ε,
    which keeps 0/0 away, is where PyTorch has it.
    """

    learning_rate: float = 2e-3

    kind: ClassVar[str] = "adamax"

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "step": new_counters(parameters),
            "mean": zeros_like_each(parameters),
            "largest": zeros_like_each(parameters),
        }

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        gradients = with_decay(gradients, parameters, weight_decay)
        t_P = counted_(slots["step"])
        advance_mean_(slots["mean"], gradients, self.beta1)
        sizes = list(torch._foreach_abs(gradients))
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_mul_(slots["largest"], self.beta2)
        torch._foreach_maximum_(slots["largest"], sizes)
        step = list(torch._foreach_div(slots["mean"], slots["largest"]))
        torch._foreach_mul_(step, each(1 / (1 - self.beta1**t_P)))
        descend(parameters, step, learning_rate)
