"""Cross-entropy of yes or no, from one logit."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, Loss, at_least_float32, require_vectors


@LOSSES.register(
    "binary_cross_entropy",
    other_spellings=("bce", "binary_crossentropy", "bce_with_logits", "log_loss"),
)
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Surprise at the answer to a yes-or-no question, from the logit of yes.

        q' = (1 − ε)·q + ε/2
        l  = −q'·log σ(z) − (1 − q')·log σ(−z)
           = max(z, 0) − z·q' + log(1 + exp(−|z|))         ∂l/∂z = σ(z) − q'

    The second line is the one computed: it takes the exponential of nothing above 0.
    `class_weights` is (weight of no, weight of yes) and multiplies the weight of a sample by
    (1 − q)·v₀ + q·v₁.

    Shapes: prediction [B] logits; target [B], 0 or 1 or a probability → each [B].

    Raises:
        ConfigError: label smoothing outside 0 to 1, or not two class weights of at least 0.

    >>> import torch
    >>> BinaryCrossEntropy()(torch.tensor([0.0, 1e4]), torch.tensor([1, 1]))
    tensor(0.3466)

    Reference: Goodfellow et al., Deep Learning (2016), 6.2.2.2.
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: tuple[float, float] | None = None

    kind: ClassVar[str] = "binary_cross_entropy"

    def __post_init__(self) -> None:
        weights = (0.0, 0.0) if self.class_weights is None else self.class_weights
        check_ranges(
            self,
            label_smoothing=(0 <= self.label_smoothing <= 1, "a number from 0 to 1"),
            class_weights=(
                len(weights) == 2 and min(weights) >= 0,
                "two numbers of at least 0, for no and for yes",
            ),
        )

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_vectors(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        target = target.to(prediction.dtype)
        if self.label_smoothing:
            target = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        return F.binary_cross_entropy_with_logits(prediction, target, reduction="none")

    def class_weight(self, target: Tensor, like: Tensor) -> Tensor | None:
        if self.class_weights is None:
            return None
        weight_no, weight_yes = self.class_weights
        return weight_no + (weight_yes - weight_no) * target.to(like.dtype)
