"""Adadelta: steps in the parameters' own unit."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import (
    advance_mean_square_,
    descend,
    with_decay,
    zeros_like_each,
)
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adadelta", other_spellings=("ada_delta",))
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """The gradient over its recent size, times the recent size of the steps.

        g ← g + λ·θ
        v ← ρ·v + (1 − ρ)·g²
        Δ = √(u + ε) / √(v + ε) · g
        u ← ρ·u + (1 − ρ)·Δ²
        θ ← θ − η·Δ

    The paper has η = 1: the rule finds its own rate.

    Raises:
        ConfigError: rho outside 0 to 1 (1 excluded), or epsilon that is not above 0.

    Reference: Zeiler, ADADELTA: An Adaptive Learning Rate Method (2012), algorithm 1.
    """

    learning_rate: float = 1.0
    _: KW_ONLY
    rho: float = 0.9
    epsilon: float = 1e-6

    kind: ClassVar[str] = "adadelta"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "rho": (0 <= self.rho < 1, "a number from 0 to below 1"),
            "epsilon": (self.epsilon > 0, "a number above 0"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {name: zeros_like_each(parameters) for name in ("mean_square", "mean_square_step")}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        gradients = with_decay(gradients, parameters, weight_decay)
        advance_mean_square_(slots["mean_square"], gradients, self.rho)
        step = self._root(slots["mean_square_step"])
        torch._foreach_div_(step, self._root(slots["mean_square"]))
        torch._foreach_mul_(step, gradients)
        advance_mean_square_(slots["mean_square_step"], step, self.rho)
        descend(parameters, step, learning_rate)

    def _root(self, mean_squares: list[Tensor]) -> list[Tensor]:
        """√(v + ε), with ε inside the root."""
        roots = list(torch._foreach_add(mean_squares, self.epsilon))
        torch._foreach_sqrt_(roots)
        return roots
