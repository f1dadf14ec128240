"""Losses of a predicted number. The residual is r = ŷ − y.

Shapes: prediction [B], target [B] → each [B].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, Loss, at_least_float32, require_vectors


@LOSSES.register("mean_squared_error", other_spellings=("mse", "mse_loss", "l2"))
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Squared distance, which the conditional mean makes least.

        l = r²        ∂l/∂ŷ = 2r

    >>> import torch
    >>> MeanSquaredError()(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(4.5000)

    Reference: Gauss, Theoria combinationis observationum (1823).
    """

    kind: ClassVar[str] = "mean_squared_error"

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_vectors(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        return F.mse_loss(prediction, target.to(prediction.dtype), reduction="none")


@LOSSES.register("mean_absolute_error", other_spellings=("mae", "l1_loss", "l1"))
@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """Absolute distance, which the conditional median makes least; outliers pull with force 1.

        l = |r|        ∂l/∂ŷ = sign(r), 0 at r = 0

    Reference: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978).
    """

    kind: ClassVar[str] = "mean_absolute_error"

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_vectors(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        return F.l1_loss(prediction, target.to(prediction.dtype), reduction="none")


@LOSSES.register("huber", other_spellings=("huber_loss", "smooth_l1"))
@dataclass(frozen=True)
class Huber(Loss):
    """Squared near zero, absolute beyond `delta`: the mean's precision without the outliers' pull.

        l = ½r²             where |r| ≤ δ        ∂l/∂ŷ = r
        l = δ(|r| − ½δ)     elsewhere            ∂l/∂ŷ = δ·sign(r)

    Raises:
        ConfigError: delta is not above 0.

    Reference: Huber, Robust Estimation of a Location Parameter, Ann. Math. Statist. 35 (1964).
    """

    delta: float = 1.0

    kind: ClassVar[str] = "huber"

    def __post_init__(self) -> None:
        check_ranges(self, delta=(self.delta > 0, "a number above 0"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_vectors(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        target = target.to(prediction.dtype)
        return F.huber_loss(prediction, target, reduction="none", delta=self.delta)
