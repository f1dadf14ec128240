"""Cross-entropy of one class among C, from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.losses.classes import ClassLoss
from ranvier.losses.loss import LOSSES, at_least_float32

# torch ignores an index whether asked to or not: one that no target holds.
IGNORE_NONE = -(2**62)


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
class CrossEntropy(ClassLoss):
    """Surprise at the true class: minus the log-probability that the logits give it.

        q' = (1 − ε)·q + ε/C                        smoothed target
        l  = −Σ_c q'_c·log softmax(z)_c             ∂l/∂z = softmax(z) − q'

    The logarithm of the softmax is taken as z − log Σ exp z with the largest logit subtracted
    first, so logits of any finite size give a finite loss. A class weight multiplies the weight of
    a place, w_i·Σ_c q_ic·v_c, so the mean is over what the places then weigh in all. The class
    index `ignore` marks places that count nothing, as padding does.

    Shapes: prediction [B, C] logits; target int64 [B], or probabilities [B, C] → each [B]. Also
    sequences [B, T, C] with [B, T], images [B, H, W, C] with [B, H, W]: each is then the mean over
    the sample's places that count, and the loss the mean over the batch's places that count.

    Raises:
        ConfigError: label smoothing outside 0 to 1, or a negative class weight.
        ShapeError: also when `class_weights` does not hold one number per class.

    >>> import torch
    >>> CrossEntropy()(torch.zeros(1, 4), torch.tensor([2]))   # ln 4: no class is preferred
    tensor(1.3863)

    Reference: Goodfellow et al., Deep Learning (2016), 6.2.2; Szegedy et al., Rethinking the
    Inception Architecture (2016), for smoothing.
    """

    kind: ClassVar[str] = "cross_entropy"

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self._kernel(prediction, target, "none")

    def mean(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.ignore is not None:
            return super().mean(prediction, target)
        # One kernel instead of two, a third of the time of the loss on a small batch.
        return self._kernel(prediction, target, "mean")

    def _kernel(self, prediction: Tensor, target: Tensor, reduction: str) -> Tensor:
        self.require_fit(prediction, target)
        prediction = at_least_float32(prediction)
        if target.ndim == prediction.ndim:
            target = target.to(prediction.dtype)
        if prediction.ndim > 2:
            # The kernel wants the classes second.
            target = target.movedim(-1, 1) if target.ndim == prediction.ndim else target
            prediction = prediction.movedim(-1, 1)
        return F.cross_entropy(
            prediction,
            target,
            reduction=reduction,
            label_smoothing=self.label_smoothing,
            ignore_index=IGNORE_NONE if self.ignore is None else self.ignore,
        )
