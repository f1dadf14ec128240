"""Cross-entropy of yes or no, from one logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.losses.binary import BinaryLoss
from ranvier.losses.loss import LOSSES


@LOSSES.register(
    "binary_cross_entropy",
    other_spellings=("bce", "binary_crossentropy", "bce_with_logits", "log_loss"),
)
@dataclass(frozen=True)
class BinaryCrossEntropy(BinaryLoss):
    """Surprise at the answer to a yes-or-no question, from the logit of yes.

        q' = (1 − ε)·q + ε/2
        l  = −q'·log σ(z) − (1 − q')·log σ(−z)
           = max(z, 0) − z·q' + log(1 + exp(−|z|))         ∂l/∂z = σ(z) − q'

    The second line is the one computed: it takes the exponential of nothing above 0.
    `class_weights` is (weight of no, weight of yes): an answer counts (1 − q)·v₀ + q·v₁.

    Shapes: prediction [B] logits; target [B], 0 or 1 or a probability → each [B]. Also [B, L] for
    L labels that do not exclude one another, or [B, ...]: each is then the mean over the answers.

    Raises:
        ConfigError: label smoothing outside 0 to 1, or not two class weights of at least 0.

    >>> import torch
    >>> BinaryCrossEntropy()(torch.tensor([0.0, 1e4]), torch.tensor([1, 1]))
    tensor(0.3466)

    Reference: Goodfellow et al., Deep Learning (2016), 6.2.2.2.
    """

    kind: ClassVar[str] = "binary_cross_entropy"

    def answers(self, score: Tensor, probability: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(score, probability, reduction="none")
