"""ASGD: gradient descent that answers with the average of its path."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import copies, counted_, each, new_counters, with_decay
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("asgd", other_spellings=("averaged_sgd",))
@dataclass(frozen=True)
class ASGD(Optimizer):
    """A slowly falling rate moves θ; the mean of all θ since `start` predicts.

        ηₜ = η / (1 + d·η·(t − 1))^α              d: `decay`, α: `power`
        θ ← θ − ηₜ·(d·θ + g + λ·θ)
        θ̄ ← θ̄ + (θ − θ̄) / max(1, t − 1 − start)

    Raises:
        ConfigError: an option below 0.

    Reference: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992);
    the rate is Bottou's, as PyTorch has it.
    """

    learning_rate: float = 0.01
    _: KW_ONLY
    decay: float = 1e-4
    power: float = 0.75
    start: float = 1e6

    kind: ClassVar[str] = "asgd"
    answer: ClassVar[str | None] = "average"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            name: (getattr(self, name) >= 0, "a number of at least 0")
            for name in ("decay", "power", "start")
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {"step": new_counters(parameters), "average": copies(parameters)}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        gradients = with_decay(gradients, parameters, weight_decay)
        before_P = counted_(slots["step"]) - 1
        rate_P = learning_rate / (1 + self.decay * learning_rate * before_P) ** self.power
        torch._foreach_mul_(parameters, each(1 - self.decay * rate_P))
        torch._foreach_sub_(parameters, torch._foreach_mul(gradients, each(rate_P)))
        share_P = 1 / (before_P - self.start).clamp(min=1.0)
        ahead = list(torch._foreach_sub(parameters, slots["average"]))
        torch._foreach_mul_(ahead, each(share_P))
        torch._foreach_add_(slots["average"], ahead)
