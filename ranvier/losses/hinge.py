"""Losses of scores that are right by a margin: a score right enough costs nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.binary import BinaryLoss
from ranvier.losses.classes import ClassLoss
from ranvier.losses.loss import LOSSES


@LOSSES.register("hinge", other_spellings=("hinge_loss",))
@dataclass(frozen=True)
class Hinge(BinaryLoss):
    """What a score lacks of 1 on the side of the answer: the support vector machine's loss.

        l = q·max(0, 1 − z) + (1 − q)·max(0, 1 + z)
        ∂l/∂z = −q where z < 1, plus 1 − q where z > −1

    The score is no logit: its sign answers. Yes is 1 and no is 0, as everywhere, not −1.

    Shapes: prediction and target alike, [B] or [B, L] or [B, ...] → each [B], the mean over the
    sample's answers.

    Raises:
        ConfigError: as `BinaryCrossEntropy`.

    Reference: Cortes and Vapnik, Support-Vector Networks (1995).
    """

    kind: ClassVar[str] = "hinge"

    def cost(self, score: Tensor) -> Tensor:
        return F.relu(1 - score)


@LOSSES.register("squared_hinge", other_spellings=("squared_hinge_loss", "l2_hinge"))
@dataclass(frozen=True)
class SquaredHinge(BinaryLoss):
    """The square of what a score lacks of 1: smooth, and harder on what lacks much.

        l = q·max(0, 1 − z)² + (1 − q)·max(0, 1 + z)²
        ∂l/∂z = −2q·max(0, 1 − z) + 2(1 − q)·max(0, 1 + z)

    Shapes, answers and errors as `Hinge`.

    Reference: Tang, Deep Learning using Linear Support Vector Machines (2013).
    """

    kind: ClassVar[str] = "squared_hinge"

    def cost(self, score: Tensor) -> Tensor:
        return F.relu(1 - score).square()


@LOSSES.register("categorical_hinge", other_spellings=("multi_margin", "multiclass_hinge"))
@dataclass(frozen=True)
class CategoricalHinge(ClassLoss):
    """What the true class's score lacks of standing a margin above the best of the others.

        l = Σ_c q'_c·max(0, m + max_{j≠c} z_j − z_c)
        ∂l/∂z_c = −1 and ∂l/∂z_j = 1, j the best other, where class c is true and lacks something

    Shapes: prediction [B, ..., C] scores; target int64 [B, ...], or probabilities [B, ..., C] →
    each [B], the mean over the sample's places that count. A single class has no other: 0.

    Raises:
        ConfigError: a margin not above 0, or as `CrossEntropy`.

    Reference: Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based
    Vector Machines (2001).
    """

    margin: float = 1.0

    kind: ClassVar[str] = "categorical_hinge"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, margin=(self.margin > 0, "a number above 0"))

    def costs(self, prediction: Tensor) -> Tensor:
        classes = prediction.shape[-1]
        if classes == 1:
            return 0 * prediction
        (best, second), (first, _) = (pair.split(1, -1) for pair in prediction.topk(2, -1))
        is_best = torch.arange(classes, device=prediction.device) == first
        return F.relu(self.margin + torch.where(is_best, second, best) - prediction)
