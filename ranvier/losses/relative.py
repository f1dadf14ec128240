"""Losses of predicted numbers by their ratio to the truth: 1 for 10 is as wrong as 100 for 1,000.

Shapes: prediction and target alike, [B] or [B, ...] → each [B], the mean over a sample's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES
from ranvier.losses.regression import ResidualLoss


@LOSSES.register("mean_absolute_percentage_error", other_spellings=("mape",))
@dataclass(frozen=True)
class MeanAbsolutePercentageError(ResidualLoss):
    """Absolute distance in per cent of the true number's size.

        l = 100·|ŷ − y| / max(|y|, ε)        ∂l/∂ŷ = 100·sign(ŷ − y) / max(|y|, ε)

    It weighs small truths most: ε, `least`, bounds how much. Give it targets in their own unit,
    not standardised ones, which lie around 0.

    Raises:
        ConfigError: `least` is not above 0.

    Reference: Hyndman and Koehler, Another Look at Measures of Forecast Accuracy, International
    Journal of Forecasting 22 (2006).
    """

    least: float = 1e-7

    kind: ClassVar[str] = "mean_absolute_percentage_error"
    in_own_unit: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self, least=(self.least > 0, "a number above 0"))

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        return 100 * (prediction - target).abs() / target.abs().clamp(min=self.least)


@LOSSES.register("mean_squared_logarithmic_error", other_spellings=("msle", "squared_log_error"))
@dataclass(frozen=True)
class MeanSquaredLogarithmicError(ResidualLoss):
    """Squared distance of logarithms, for numbers of at least 0 that span many sizes.

        l = (log(1 + ŷ⁺) − log(1 + y⁺))²,  x⁺ = max(x, 0)
        ∂l/∂ŷ = 2·(log(1 + ŷ) − log(1 + y⁺)) / (1 + ŷ)  where ŷ ≥ 0, else 0

    A prediction below 0 counts as 0 and learns nothing: end the network with softplus, or take the
    logarithm of the target and the mean squared error.

    Reference: Törnqvist, Vartia and Vartia, How Should Relative Changes Be Measured?, The American
    Statistician 39 (1985).
    """

    kind: ClassVar[str] = "mean_squared_logarithmic_error"
    in_own_unit: ClassVar[bool] = True

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(
            prediction.clamp(min=0).log1p(), target.clamp(min=0).log1p(), reduction="none"
        )
