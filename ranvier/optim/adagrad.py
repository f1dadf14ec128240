"""Adagrad: steps scaled by all gradients so far."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import as_kernels_read, count_, new_counters
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adagrad", other_spellings=("ada_grad",))
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Weights whose gradients are rare keep a large step; the others' shrinks as 1/√t.

        g ← g + λ·θ
        G ← G + g²                                       G = `initial` before the first step
        θ ← θ − η/(1 + (t − 1)·d) · g / (√G + ε)         d: `decay`

    Raises:
        ConfigError: an option below 0.

    Reference: Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization (2011).
    """

    learning_rate: float = 0.01
    _: KW_ONLY
    decay: float = 0.0
    initial: float = 0.0
    epsilon: float = 1e-10

    kind: ClassVar[str] = "adagrad"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "decay": (self.decay >= 0, "a number of at least 0"),
            "initial": (self.initial >= 0, "a number of at least 0"),
            "epsilon": (self.epsilon >= 0, "a number of at least 0"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "step": new_counters(parameters),
            "sum_of_squares": [
                torch.full_like(p, self.initial, requires_grad=False) for p in parameters
            ],
        }

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        count_(slots["step"])
        torch._fused_adagrad_(
            parameters,
            gradients,
            slots["sum_of_squares"],
            slots["step"],
            # torch's stub leaves one overload out.
            lr=as_kernels_read(learning_rate, parameters),  # type: ignore[arg-type]
            lr_decay=self.decay,
            weight_decay=weight_decay,
            eps=self.epsilon,
            maximize=False,
        )
