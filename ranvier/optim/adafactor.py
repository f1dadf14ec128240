"""Adafactor: Adam's scaling out of the sums over rows and columns."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import counted_, each, new_counters, shrink_
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adafactor", other_spellings=("ada_factor",))
@dataclass(frozen=True)
class Adafactor(Optimizer):
    """State of a matrix's rows plus columns instead of rows times columns, and steps in proportion
    to the weights' own size.

        β̂ = 1 − t^β                                        β: beta2_decay, −0.8
        R ← β̂·R + (1 − β̂)·mean of g² over the last axis
        C ← β̂·C + (1 − β̂)·mean of g² over the axis before it
        V = R·C / mean(R)                                   vectors keep V itself
        u = g / √max(V, ε₁²)
        u ← u / max(1, RMS(u)/d)                            d: clip
        θ ← θ − η·λ·θ
        θ ← θ − max(ε₂, RMS(θ))·min(η, 1/√t)·u              RMS of θ before the decay

    Raises:
        ConfigError: beta2_decay that is not below 0, or another option that is not above 0.

    Reference: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost
    (2018), algorithms 4 to 6; ε₁ as PyTorch has it: under the root, and the precision's own epsilon
    unless given.
    """

    learning_rate: float = 1e-2
    _: KW_ONLY
    beta2_decay: float = -0.8
    clip: float = 1.0
    epsilon1: float | None = None
    epsilon2: float = 1e-3

    kind: ClassVar[str] = "adafactor"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        positive = "a number above 0"
        return {
            "beta2_decay": (self.beta2_decay < 0, "a number below 0"),
            "clip": (self.clip > 0, positive),
            "epsilon1": (self.epsilon1 is None or self.epsilon1 > 0, f"{positive}, or None"),
            "epsilon2": (self.epsilon2 > 0, positive),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        def zeros(kept: bool, like: Tensor) -> Tensor:
            # In the parameter's own precision; the factors of a view as rows and columns.
            return torch.zeros_like(like, requires_grad=False) if kept else like.new_zeros(0)

        with torch.no_grad():
            return {
                "step": new_counters(parameters),
                "rows": [zeros(p.ndim > 1, p[..., :1] if p.ndim > 1 else p) for p in parameters],
                "columns": [
                    zeros(p.ndim > 1, p[..., :1, :] if p.ndim > 1 else p) for p in parameters
                ],
                "mean_square": [zeros(p.ndim < 2, p) for p in parameters],
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
        weights_P = t_P**self.beta2_decay
        steps = [
            self._scaled(gradient, weight, *factors)
            for gradient, weight, *factors in zip(
                gradients,
                each(weights_P),
                slots["rows"],
                slots["columns"],
                slots["mean_square"],
                strict=True,
            )
        ]
        roots = [p.numel() ** 0.5 for p in parameters]
        sizes = torch._foreach_div(torch._foreach_norm(parameters), roots)
        lengths = torch._foreach_div(torch._foreach_norm(steps), roots)
        rate_P = torch.clamp(t_P.rsqrt(), max=learning_rate)
        size_P = torch.stack(sizes).clamp(min=self.epsilon2)
        factor_P = rate_P * size_P / (torch.stack(lengths) / self.clip).clamp(min=1.0)
        shrink_(parameters, learning_rate, weight_decay)
        torch._foreach_mul_(steps, each(factor_P))
        torch._foreach_sub_(parameters, steps)

    def _scaled(
        self, gradient: Tensor, weight: Tensor, rows: Tensor, columns: Tensor, mean_square: Tensor
    ) -> Tensor:
        """g / √V, the factors of V advanced in place."""
        smallest = torch.finfo(gradient.dtype).eps if self.epsilon1 is None else self.epsilon1
        weight = weight.to(gradient.dtype)
        squares = gradient.square()
        if gradient.ndim < 2:
            mean_square.lerp_(squares, weight)
            estimate = mean_square
        else:
            rows.lerp_(squares.mean(-1, keepdim=True), weight)
            columns.lerp_(squares.mean(-2, keepdim=True), weight)
            estimate = rows * columns / rows.mean(-2, keepdim=True).clamp(min=smallest)
        return gradient * estimate.clamp(min=smallest**2).rsqrt()
