"""Between cross-entropy and absolute error: for labels that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.classes import ClassLoss
from ranvier.losses.loss import LOSSES


@LOSSES.register(
    "generalized_cross_entropy",
    other_spellings=("gce", "generalised_cross_entropy", "categorical_generalized_cross_entropy"),
)
@dataclass(frozen=True)
class GeneralizedCrossEntropy(ClassLoss):
    """A bounded surprise, so that a wrong label pulls only so hard.

        l = Σ_c q'_c·(1 − p_c^κ)/κ,  p = softmax(z)
        ∂l/∂z = p·Σ_c g_c − g,  g_c = q'_c·p_c^κ

    κ is `exponent`: towards 0 it is the cross-entropy, at 1 the absolute error 1 − p. From logits,
    by p^κ = exp(κ·log p).

    Shapes: prediction [B, ..., C] logits; target int64 [B, ...], or probabilities [B, ..., C] →
    each [B], the mean over the sample's places that count.

    Raises:
        ConfigError: an exponent not above 0 and at most 1, or as `CrossEntropy`.

    Reference: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks
    with Noisy Labels (2018).
    """

    exponent: float = 0.7

    kind: ClassVar[str] = "generalized_cross_entropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, exponent=(0 < self.exponent <= 1, "a number above 0 and at most 1"))

    def costs(self, prediction: Tensor) -> Tensor:
        return -torch.expm1(self.exponent * F.log_softmax(prediction, -1)) / self.exponent
