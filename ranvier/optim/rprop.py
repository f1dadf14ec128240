"""Rprop: the sign of the gradient, at a length each weight finds for itself."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import descend, with_decay, zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("rprop", other_spellings=("r_prop", "resilient_propagation"))
@dataclass(frozen=True)
class Rprop(Optimizer):
    """A weight's step grows while its gradient keeps its sign, and shrinks where that turns.

        s ← clamp(s·η⁺)                 where g·g₋ > 0; η⁺ = `growth`, s = 1 at the start
        s ← clamp(s·η⁻), g ← 0          where g·g₋ < 0; η⁻ = `reduction`
        θ ← θ − η·s·sign(g)
        g₋ ← sign(g)

    `smallest` and `largest` bound s, so they are in units of the learning rate. Only the signs
    count, so it wants the gradient of all rows: `batch_size` 0.

    Raises:
        ConfigError: reduction outside 0 to 1, growth not above 1, or bounds that do not hold 1.

    Reference: Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning:
    The RPROP Algorithm (1993); without weight backtracking, as PyTorch has it (iRprop−, Igel and
    Hüsken, 2000).
    """

    learning_rate: float = 0.01
    _: KW_ONLY
    growth: float = 1.2
    reduction: float = 0.5
    smallest: float = 1e-4
    largest: float = 5e3

    kind: ClassVar[str] = "rprop"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "growth": (self.growth > 1, "a number above 1"),
            "reduction": (0 < self.reduction < 1, "a number between 0 and 1"),
            "smallest": (0 < self.smallest <= 1, "a number above 0 and at most 1"),
            "largest": (self.largest >= 1, "a number of at least 1"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "size": [torch.ones_like(p, requires_grad=False) for p in parameters],
            "sign": zeros_like_each(parameters),
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
        # Signs, not values, are multiplied: the product of two tiny gradients would be 0.
        signs = list(torch._foreach_sign(gradients))
        agreement = torch._foreach_mul(signs, slots["sign"])
        kept_or_turned = torch._foreach_clamp_max(agreement, 0.0)  # 0, or −1 where the sign turned
        factors = list(torch._foreach_clamp_min(agreement, 0.0))
        torch._foreach_mul_(factors, self.growth - 1)
        torch._foreach_add_(factors, kept_or_turned, alpha=1 - self.reduction)
        torch._foreach_add_(factors, 1.0)
        torch._foreach_mul_(slots["size"], factors)
        torch._foreach_clamp_min_(slots["size"], self.smallest)
        torch._foreach_clamp_max_(slots["size"], self.largest)
        torch._foreach_mul_(signs, torch._foreach_add(kept_or_turned, 1.0))
        torch._foreach_copy_(slots["sign"], signs)
        descend(parameters, list(torch._foreach_mul(signs, slots["size"])), learning_rate)
