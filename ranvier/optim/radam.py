"""RAdam: Adam that waits until it knows the gradients' variance."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import descend, each, root_mean_squares, shrink_, with_decay
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register("radam", other_spellings=("r_adam", "rectified_adam"))
@dataclass(frozen=True)
class RAdam(Adaptive):
    """Momentum alone for the first steps, then Adam's step times a rectifier that grows to 1.

        g ← g + λ·θ                                  or θ ← θ − η·λ·θ, where `decoupled`
        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        ρ∞ = 2/(1 − β₂) − 1,   ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ)
        rₜ = √((ρₜ − 4)(ρₜ − 2)·ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)·ρₜ))
        θ ← θ − η·m/(1 − β₁ᵗ) · rₜ·√(1 − β₂ᵗ)/(√v + ε)      where ρₜ > 5
        θ ← θ − η·m/(1 − β₁ᵗ)                               before

    So it needs no warm-up.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond (2020),
    algorithm 2; from ρₜ > 5 on, as PyTorch has it, where the paper has 4.
    """

    _: KW_ONLY
    decoupled: bool = False

    kind: ClassVar[str] = "radam"

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
        adapted_P, plain_P = self._shares(t_P)
        step = list(
            torch._foreach_reciprocal(root_mean_squares(slots["mean_square"], self.epsilon))
        )
        torch._foreach_mul_(step, each(adapted_P))
        torch._foreach_add_(step, each(plain_P))
        torch._foreach_mul_(step, slots["mean"])
        torch._foreach_mul_(step, each(1 / (1 - self.beta1**t_P)))
        descend(parameters, step, learning_rate)

    def _shares(self, t_P: Tensor) -> tuple[Tensor, Tensor]:
        """What 1/(√v + ε) is multiplied by, and what is added to it: (r·√(1 − β₂ᵗ), 0) or (0, 1).

        Chosen by `where`, not by `if`, so that a captured step chooses at every replay.
        """
        longest = 2 / (1 - self.beta2) - 1
        correction_P = 1 - self.beta2**t_P
        length_P = longest - 2 * t_P * (1 - correction_P) / correction_P
        is_known_P = length_P > 5
        # A length that is too short makes way for one that is not: no root of what is below 0.
        safe_P = torch.where(is_known_P, length_P, torch.full_like(length_P, 6.0))
        rectifier_P = torch.sqrt(
            (safe_P - 4) * (safe_P - 2) * longest / ((longest - 4) * (longest - 2) * safe_P)
        )
        adapted_P = rectifier_P * torch.sqrt(correction_P)
        zero_P = torch.zeros_like(length_P)
        return torch.where(is_known_P, adapted_P, zero_P), (~is_known_P).to(length_P.dtype)
