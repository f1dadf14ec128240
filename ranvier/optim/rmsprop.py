"""RMSprop: steps scaled by the gradient's running root mean square."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import (
    advance_mean_,
    advance_mean_square_,
    descend,
    root_mean_squares,
    with_decay,
    zeros_like_each,
)
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("rmsprop", other_spellings=("rms_prop",))
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """The gradient over its own recent size.

        g ← g + λ·θ
        v ← ρ·v + (1 − ρ)·g²                  mean square of the gradient
        m ← ρ·m + (1 − ρ)·g                   its mean, where centered
        s = g / (√v + ε)                      or g / (√(v − m²) + ε), where centered
        u ← μ·u + s                           momentum
        θ ← θ − η·u

    Raises:
        ConfigError: rho or momentum outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012);
    Graves, Generating Sequences With Recurrent Neural Networks (2013), equation 38, for centering.
    """

    _: KW_ONLY
    rho: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    kind: ClassVar[str] = "rmsprop"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "rho": (0 <= self.rho < 1, "a number from 0 to below 1"),
            "epsilon": (self.epsilon >= 0, "a number of at least 0"),
            "momentum": (0 <= self.momentum < 1, "a number from 0 to below 1"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        names = ["mean_square"]
        names += ["mean"] if self.centered else []
        names += ["velocity"] if self.momentum else []
        return {name: zeros_like_each(parameters) for name in names}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        gradients = with_decay(gradients, parameters, weight_decay)
        step = list(torch._foreach_div(gradients, self._root_mean_square(gradients, slots)))
        if self.momentum:
            torch._foreach_mul_(slots["velocity"], self.momentum)
            torch._foreach_add_(slots["velocity"], step)
            step = slots["velocity"]
        descend(parameters, step, learning_rate)

    def _root_mean_square(self, gradients: list[Tensor], slots: Slots) -> list[Tensor]:
        """Advance the moments; √v + ε, or √(v − m²) + ε."""
        mean_square = slots["mean_square"]
        advance_mean_square_(mean_square, gradients, self.rho)
        if not self.centered:
            return root_mean_squares(mean_square, self.epsilon)
        advance_mean_(slots["mean"], gradients, self.rho)
        variance = list(torch._foreach_addcmul(mean_square, slots["mean"], slots["mean"], value=-1))
        # Under a constant gradient v − m² is zero but for rounding, which may fall below it.
        torch._foreach_clamp_min_(variance, 0.0)
        return root_mean_squares(variance, self.epsilon)
