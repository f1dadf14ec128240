"""Schedule-free AdamW: an average of the path takes the place of a falling learning rate."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import (
    advance_mean_square_,
    copies,
    counted_,
    each,
    new_counters,
    zeros_like_each,
)
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register(
    "schedule_free_adamw", other_spellings=("schedule_free", "adamw_schedule_free")
)
@dataclass(frozen=True)
class ScheduleFreeAdamW(Adaptive):
    """Steps go from z, gradients are taken at θ between z and its average x̄, and x̄ predicts.

        v ← β₂·v + (1 − β₂)·g²
        z ← z − η·(g / (√(v/(1 − β₂ᵗ)) + ε) + λ·θ)
        w = (largest η so far)²,   W ← W + w            so a warm-up counts for little
        x̄ ← x̄ + w/W·(z − x̄)
        θ ← (1 − β₁)·z + β₁·x̄

    Train it at a constant rate, after a warm-up if you like: `Constant(warmup=0.05)`.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Defazio et al., The Road Less Scheduled (2024), algorithm 1.
    """

    learning_rate: float = 2.5e-3
    _: KW_ONLY
    weight_decay: float = 0.0

    kind: ClassVar[str] = "schedule_free_adamw"
    answer: ClassVar[str | None] = "average"

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "step": new_counters(parameters),
            "mean_square": zeros_like_each(parameters),
            "leader": copies(parameters),
            "average": copies(parameters),
            "largest_rate": _zeros(parameters),
            "weight_sum": _zeros(parameters),
        }

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        t_P = counted_(slots["step"])
        advance_mean_square_(slots["mean_square"], gradients, self.beta2)
        step = list(torch._foreach_div(gradients, self._corrected_root(slots, t_P)))
        if weight_decay:
            torch._foreach_add_(step, parameters, alpha=weight_decay)
        leader, average = slots["leader"], slots["average"]
        torch._foreach_mul_(step, learning_rate)
        torch._foreach_sub_(leader, step)
        ahead = list(torch._foreach_sub(leader, average))
        torch._foreach_mul_(ahead, each(_shares(slots, learning_rate)))
        torch._foreach_add_(average, ahead)
        torch._foreach_copy_(parameters, torch._foreach_lerp(leader, average, self.beta1))


def _zeros(parameters: list[Tensor]) -> list[Tensor]:
    return [torch.zeros((), dtype=torch.float64, device=p.device) for p in parameters]


def _shares(slots: Slots, learning_rate: float | Tensor) -> Tensor:
    """w/W, [P], both advanced in place; 0 until a rate was above 0."""
    largest_P = torch.stack(slots["largest_rate"]).clamp(min=learning_rate)
    weight_P = largest_P.square()
    sum_P = torch.stack(slots["weight_sum"]) + weight_P
    torch._foreach_copy_(slots["largest_rate"], each(largest_P))
    torch._foreach_copy_(slots["weight_sum"], each(sum_P))
    return weight_P / torch.where(sum_P > 0, sum_P, torch.ones_like(sum_P))
