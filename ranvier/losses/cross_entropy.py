"""Cross-entropy of one class among C, from logits."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, Loss, at_least_float32


@LOSSES.register(
    "cross_entropy",
    other_spellings=(
        "crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "softmax_cross_entropy",
    ),
)
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Surprise at the true class: minus the log-probability that the logits give it.

        q' = (1 − ε)·q + ε/C                        smoothed target
        l  = −Σ_c q'_c·log softmax(z)_c             ∂l/∂z = softmax(z) − q'

    The logarithm of the softmax is taken as z − log Σ exp z with the largest logit subtracted
    first, so logits of any finite size give a finite loss. A class weight multiplies the weight of
    a sample, w_i·Σ_c q_ic·v_c, so the mean is over what the samples then weigh in all.

    Shapes: prediction [B, C] logits; target int64 [B], or probabilities [B, C] → each [B].

    Raises:
        ConfigError: label smoothing outside 0 to 1, or a negative class weight.
        ShapeError: also when `class_weights` does not hold one number per class.

    >>> import torch
    >>> CrossEntropy()(torch.zeros(1, 4), torch.tensor([2]))   # ln 4: no class is preferred
    tensor(1.3863)

    Reference: Goodfellow et al., Deep Learning (2016), 6.2.2; Szegedy et al., Rethinking the
    Inception Architecture (2016), for smoothing.
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    kind: ClassVar[str] = "cross_entropy"

    def __post_init__(self) -> None:
        weights = self.class_weights or ()
        check_ranges(
            self,
            label_smoothing=(0 <= self.label_smoothing <= 1, "a number from 0 to 1"),
            class_weights=(all(weight >= 0 for weight in weights), "numbers of at least 0"),
        )

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self._kernel(prediction, target, "none")

    def mean(self, prediction: Tensor, target: Tensor) -> Tensor:
        # One kernel instead of two, a third of the time of the loss on a small batch.
        return self._kernel(prediction, target, "mean")

    def _kernel(self, prediction: Tensor, target: Tensor, reduction: str) -> Tensor:
        self._require_fit(prediction, target)
        prediction = at_least_float32(prediction)
        if target.ndim == 2:
            target = target.to(prediction.dtype)
        return F.cross_entropy(
            prediction, target, reduction=reduction, label_smoothing=self.label_smoothing
        )

    def class_weight(self, target: Tensor, like: Tensor) -> Tensor | None:
        if self.class_weights is None:
            return None
        # Made anew each time: one kept from a call that was being traced would outlive its trace.
        weights_C = torch.tensor(self.class_weights, device=like.device, dtype=like.dtype)
        return weights_C[target] if target.ndim == 1 else target.to(like.dtype) @ weights_C

    def _require_fit(self, prediction: Tensor, target: Tensor) -> None:
        came, wanted = tuple(prediction.shape), tuple(target.shape)
        if prediction.ndim != 2 or wanted not in (came[:1], came):
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {came} for a target of shape {wanted}; "
                "expected logits [B, C] and class indices [B], or probabilities [B, C]. "
                "Give the last layer one output per class."
            )
        if target.ndim == 1 and target.dtype != torch.int64:
            raise ShapeError(
                f"{self.kind}: got a target [B] of {str(target.dtype).removeprefix('torch.')}; "
                "expected class indices in int64. Call target.long(), or give probabilities [B, C]."
            )
        if self.class_weights is not None and len(self.class_weights) != came[1]:
            raise ShapeError(
                f"{self.kind}: got {len(self.class_weights)} class weights for logits of shape "
                f"{came}; expected [C] = {came[1:]}. Give one weight per class."
            )
