"""The loss of predicted quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES
from ranvier.losses.several_outputs import SeveralOutputs


@LOSSES.register("pinball", other_spellings=("quantile", "quantile_loss", "pinball_loss"))
@dataclass(frozen=True)
class Pinball(SeveralOutputs):
    """Distance that costs more on one side, which the conditional quantile of level τ makes least.

        l = 1/Q · Σ_q max(τ_q·(y − ŷ_q), (τ_q − 1)·(y − ŷ_q))
        ∂l/∂ŷ_q = −τ_q/Q where y > ŷ_q,  (1 − τ_q)/Q where y < ŷ_q,  between them where equal

    One output per level. Nothing keeps the outputs in order: sort them when predicting. The level
    0.5 alone is half the mean absolute error.

    Shapes: prediction [B, Q], or [B] for one level; target [B] → each [B]. Also [B, ..., Q] for a
    target [B, ...].

    Raises:
        ConfigError: no level, or a level not between 0 and 1.

    >>> import torch
    >>> Pinball((0.1, 0.9))(torch.tensor([[0.0, 0.0]]), torch.tensor([10.0]))   # (1 + 9) / 2
    tensor(5.)

    Reference: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978).
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    kind: ClassVar[str] = "pinball"

    def __post_init__(self) -> None:
        fit = len(self.levels) > 0 and all(0 < level < 1 for level in self.levels)
        check_ranges(self, levels=(fit, "one number or more, each between 0 and 1"))

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"quantile {level:g}" for level in self.levels)

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        above_Q = (target.unsqueeze(-1) - prediction).unbind(-1)
        sides = zip(self.levels, above_Q, strict=True)
        costs = [torch.maximum(level * r, (level - 1) * r) for level, r in sides]
        return torch.stack(costs, -1).mean(-1)
