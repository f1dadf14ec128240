"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import descend, each, shrink_, with_decay
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register("nadam", other_spellings=("n_adam",))
@dataclass(frozen=True)
class NAdam(Adaptive):
    """Adam that steps along the mean as the next step will see it.

        g ← g + λ·θ                                  or θ ← θ − η·λ·θ, where `decoupled`
        μₜ = β₁·(1 − ½·0.96^(t·ψ))                   a momentum that warms up; ψ: momentum_decay
        Mₜ = Π_{i≤t} μᵢ
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        m̂ = μₜ₊₁·m/(1 − Mₜ·μₜ₊₁) + (1 − μₜ)·g/(1 − Mₜ)
        θ ← θ − η·m̂ / (√(v/(1 − β₂ᵗ)) + ε)

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or another option below 0.

    Reference: Dozat, Incorporating Nesterov Momentum into Adam (2016), algorithm 8 and its
    schedule of the momentum.
    """

    learning_rate: float = 2e-3
    _: KW_ONLY
    momentum_decay: float = 4e-3
    decoupled: bool = False

    kind: ClassVar[str] = "nadam"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        wanted = (self.momentum_decay >= 0, "a number of at least 0")
        return {**super()._ranges(), "momentum_decay": wanted}

    def slots(self, parameters: list[Tensor]) -> Slots:
        ones = [torch.ones((), dtype=torch.float64, device=p.device) for p in parameters]
        return {**super().slots(parameters), "momentum_product": ones}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        if self.decoupled:
            shrink_(parameters, learning_rate, weight_decay)
        else:
            gradients = with_decay(gradients, parameters, weight_decay)
        t_P = self._advance(gradients, slots)
        momentum_P, next_momentum_P = self._momentum(t_P), self._momentum(t_P + 1)
        torch._foreach_mul_(slots["momentum_product"], each(momentum_P))
        product_P = torch.stack(slots["momentum_product"])
        of_mean_P = next_momentum_P / (1 - product_P * next_momentum_P)
        of_gradient_P = (1 - momentum_P) / (1 - product_P)
        step = list(torch._foreach_mul(slots["mean"], each(of_mean_P)))
        torch._foreach_add_(step, torch._foreach_mul(gradients, each(of_gradient_P)))
        torch._foreach_div_(step, self._corrected_root(slots, t_P))
        descend(parameters, step, learning_rate)

    def _momentum(self, t_P: Tensor) -> Tensor:
        """μₜ, [P]."""
        return self.beta1 * (1 - 0.5 * 0.96 ** (t_P * self.momentum_decay))
