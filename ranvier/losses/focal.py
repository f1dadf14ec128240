"""Cross-entropy that turns away from what is already answered well."""

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


@LOSSES.register("focal", other_spellings=("focal_loss", "categorical_focal_crossentropy"))
@dataclass(frozen=True)
class Focal(ClassLoss):
    """Cross-entropy times (1 − p)^γ: a class that already has probability p counts ever less.

        l = −Σ_c q'_c·(1 − p_c)^γ·log p_c,  p = softmax(z)
        ∂l/∂z = g − p·Σ_c g_c,  g_c = q'_c·(γ·(1 − p_c)^(γ−1)·p_c·log p_c − (1 − p_c)^γ)

    γ is `focus`; at 0 it is the cross-entropy. From logits, and 1 − p as −(exp(log p) − 1), which
    keeps its digits where p is nearly 1. `class_weights` is the paper's α.

    Shapes: prediction [B, ..., C] logits; target int64 [B, ...], or probabilities [B, ..., C] →
    each [B], the mean over the sample's places that count.

    Raises:
        ConfigError: focus below 0, or as `CrossEntropy`.

    Reference: Lin et al., Focal Loss for Dense Object Detection (2017).
    """

    focus: float = 2.0

    kind: ClassVar[str] = "focal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, focus=(self.focus >= 0, "a number of at least 0"))

    def costs(self, prediction: Tensor) -> Tensor:
        return _focal_surprise(F.log_softmax(prediction, -1), self.focus)


@LOSSES.register("binary_focal", other_spellings=("binary_focal_crossentropy", "sigmoid_focal"))
@dataclass(frozen=True)
class BinaryFocal(BinaryLoss):
    """Focal loss of yes or no, from the logit of yes.

        l = q'·cost(z) + (1 − q')·cost(−z),  cost(z) = −(1 − σ(z))^γ·log σ(z)
        ∂cost/∂z = (1 − σ(z))^γ·(γ·σ(z)·log σ(z) − (1 − σ(z)))

    `class_weights` is (weight of no, weight of yes), the paper's (1 − α, α).

    Shapes: prediction and target alike, [B] or [B, L] or [B, ...] → each [B], the mean over the
    sample's answers.

    Raises:
        ConfigError: focus below 0, or as `BinaryCrossEntropy`.

    Reference: Lin et al., Focal Loss for Dense Object Detection (2017).
    """

    focus: float = 2.0

    kind: ClassVar[str] = "binary_focal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, focus=(self.focus >= 0, "a number of at least 0"))

    def cost(self, score: Tensor) -> Tensor:
        return _focal_surprise(F.logsigmoid(score), self.focus)


def _focal_surprise(log_probability: Tensor, focus: float) -> Tensor:
    # The power of an exact 0 has no slope where the focus is below 1; the least number has one.
    tiny = torch.finfo(log_probability.dtype).tiny
    doubt = (-torch.expm1(log_probability)).clamp(min=tiny)
    return -doubt.pow(focus) * log_probability
