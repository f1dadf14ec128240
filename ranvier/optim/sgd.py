"""Gradient descent."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import as_kernels_read, zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("sgd", other_spellings=("gd", "momentum", "nesterov", "gradient_descent"))
@dataclass(frozen=True)
class SGD(Optimizer):
    """A step down the gradient, with momentum if asked.

        g ← g + λ·θ
        v ← μ·v + (1 − δ)·g             momentum μ, dampening δ, v = 0 before the first step
        θ ← θ − η·g                     plain, μ = 0
        θ ← θ − η·v                     momentum
        θ ← θ − η·(g + μ·v)             Nesterov's momentum

    Stochastic, mini-batch and full-batch gradient descent are this one optimiser: they differ in
    how many rows the gradient was taken over (`batch_size` 1, some, or 0 for all of them).

    Raises:
        ConfigError: momentum outside 0 to 1 (1 excluded), dampening outside 0 to 1, or nesterov
            without momentum or with dampening.

    >>> import torch
    >>> theta = [torch.tensor([1.0])]
    >>> optimizer = SGD(0.1)
    >>> optimizer.update(theta, [torch.tensor([2.0])], {}, learning_rate=0.1, weight_decay=0.0)
    >>> theta
    [tensor([0.8000])]

    Reference: Robbins and Monro (1951); Polyak (1964); Sutskever et al., On the importance of
    initialization and momentum in deep learning (2013), whose form of Nesterov's (1983) this is.
    """

    learning_rate: float = 0.1
    _: KW_ONLY
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False

    kind: ClassVar[str] = "sgd"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "momentum": (0 <= self.momentum < 1, "a number from 0 to below 1"),
            "dampening": (0 <= self.dampening <= 1, "a number from 0 to 1"),
            "nesterov": (
                not self.nesterov or (self.momentum > 0 and self.dampening == 0),
                "a momentum above 0 beside it, and no dampening",
            ),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {"velocity": zeros_like_each(parameters)} if self.momentum else {}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        torch._fused_sgd_(
            parameters,
            gradients,
            slots["velocity"] if self.momentum else [],
            weight_decay=weight_decay,
            momentum=self.momentum,
            lr=as_kernels_read(learning_rate, parameters),
            dampening=self.dampening,
            nesterov=self.nesterov,
            maximize=False,
            # A velocity that starts at zero makes the first step one like any other.
            is_first_step=False,
        )
