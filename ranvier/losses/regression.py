"""Losses of predicted numbers by their residual r = ŷ − y.

Shapes: prediction and target alike, [B] or [B, ...] → each [B], the mean over a sample's numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, at_least_float32
from ranvier.losses.placewise import PlacewiseLoss, require_equal_shapes


class ResidualLoss(PlacewiseLoss):
    """A loss of every number by itself, from a prediction of the target's own shape."""

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_equal_shapes(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        return self.numbers(prediction, target.to(prediction.dtype))

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of every number, all three of one shape and precision."""
        raise NotImplementedError


@LOSSES.register("mean_squared_error", other_spellings=("mse", "mse_loss", "l2"))
@dataclass(frozen=True)
class MeanSquaredError(ResidualLoss):
    """Squared distance, which the conditional mean makes least.

        l = r²        ∂l/∂ŷ = 2r

    >>> import torch
    >>> MeanSquaredError()(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(4.5000)

    Reference: Gauss, Theoria combinationis observationum (1823).
    """

    kind: ClassVar[str] = "mean_squared_error"

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(prediction, target, reduction="none")


@LOSSES.register("mean_absolute_error", other_spellings=("mae", "l1_loss", "l1"))
@dataclass(frozen=True)
class MeanAbsoluteError(ResidualLoss):
    """Absolute distance, which the conditional median makes least; outliers pull with force 1.

        l = |r|        ∂l/∂ŷ = sign(r), 0 at r = 0

    Reference: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978).
    """

    kind: ClassVar[str] = "mean_absolute_error"

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(prediction, target, reduction="none")


@LOSSES.register("huber", other_spellings=("huber_loss", "smooth_l1"))
@dataclass(frozen=True)
class Huber(ResidualLoss):
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

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(prediction, target, reduction="none", delta=self.delta)


@LOSSES.register("log_cosh", other_spellings=("logcosh", "log_cosh_error"))
@dataclass(frozen=True)
class LogCosh(ResidualLoss):
    """Huber's idea without a corner: squared near zero, absolute far out, smooth everywhere.

        l = log cosh r = log(exp(r) + exp(−r)) − log 2        ∂l/∂ŷ = tanh r

    The sum of exponentials is taken by its logarithm, which no residual makes overflow.

    >>> import torch
    >>> LogCosh()(torch.tensor([1e4]), torch.tensor([0.0]))   # |r| − log 2
    tensor(9999.3066)

    Reference: Green, Bayesian Reconstructions From Emission Tomography Data Using a Modified EM
    Algorithm, IEEE Trans. Med. Imaging 9 (1990).
    """

    kind: ClassVar[str] = "log_cosh"

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        residual = prediction - target
        return torch.logaddexp(residual, -residual) - math.log(2)
