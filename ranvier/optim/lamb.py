"""LAMB: Adam's direction, at a length in proportion to the weights'."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import descend, each
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register("lamb")
@dataclass(frozen=True)
class LAMB(Adaptive):
    """Every parameter moves by about η of its own norm, which keeps huge batches stable.

        m ← β₁·m + (1 − β₁)·g
        v ← β₂·v + (1 − β₂)·g²
        s = m̂ / (√v̂ + ε) + λ·θ                 m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
        θ ← θ − η·‖θ‖/‖s‖ · s                   the ratio is 1 where a norm is 0

    The norms are those of one parameter (a weight matrix, a bias).

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes
    (2020), algorithm 2.
    """

    _: KW_ONLY
    epsilon: float = 1e-6

    kind: ClassVar[str] = "lamb"

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        t_P = self._advance(gradients, slots)
        step = list(torch._foreach_mul(slots["mean"], each(1 / (1 - self.beta1**t_P))))
        torch._foreach_div_(step, self._corrected_root(slots, t_P))
        if weight_decay:
            torch._foreach_add_(step, parameters, alpha=weight_decay)
        sizes_P = torch.stack(torch._foreach_norm(parameters))
        lengths_P = torch.stack(torch._foreach_norm(step))
        has_both_P = (sizes_P > 0) & (lengths_P > 0)
        ratios_P = torch.where(has_both_P, sizes_P / lengths_P, torch.ones_like(sizes_P))
        torch._foreach_mul_(step, each(ratios_P))
        descend(parameters, step, learning_rate)
