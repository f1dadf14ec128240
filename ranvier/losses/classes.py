"""What losses of one class among C share, from a logit or a score per class.

Dimensions: B samples in the batch, C classes; `...` a sample's places (T steps, H × W pixels),
none for one answer per sample.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import at_least_float32
from ranvier.losses.placewise import PlacewiseLoss


@dataclass(frozen=True)
class ClassLoss(PlacewiseLoss):
    """What the true class costs, under probabilities q of being it.

        q' = (1 − ε)·q + ε/C
        l  = Σ_c q'_c·cost(z)_c

    A place counts Σ_c q_c·v_c where `class_weights` gives v, and nothing where its class index is
    `ignore`, as padding and unlabelled pixels are; its l is 0.

    Shapes: prediction [B, ..., C]; target int64 [B, ...], or probabilities [B, ..., C] (one-hot,
    mixed up, distilled) → each [B].
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    ignore: int | None = None

    def __post_init__(self) -> None:
        weights = self.class_weights or ()
        check_ranges(
            self,
            label_smoothing=(0 <= self.label_smoothing <= 1, "a number from 0 to 1"),
            class_weights=(all(weight >= 0 for weight in weights), "numbers of at least 0"),
        )

    def costs(self, prediction: Tensor) -> Tensor:
        """What each class would cost, were it the true one: [B, ..., C] → [B, ..., C]."""
        raise NotImplementedError

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        self.require_fit(prediction, target)
        prediction = at_least_float32(prediction)
        costs = self.costs(prediction)
        if self.label_smoothing or target.ndim == prediction.ndim:
            probabilities = class_probabilities(prediction, target, self.ignore)
            smoothing = self.label_smoothing
            smooth = (1 - smoothing) * probabilities + smoothing / prediction.shape[-1]
            each = (smooth * costs).sum(-1)
        else:
            each = costs.gather(-1, _known(target, self.ignore).unsqueeze(-1)).squeeze(-1)
        return each if self.ignore is None else each.masked_fill(target == self.ignore, 0)

    @property
    def weighs_targets(self) -> bool:
        return self.class_weights is not None or self.ignore is not None

    def place_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        dtype = at_least_float32(prediction).dtype
        counted = None if self.ignore is None else target.ne(self.ignore).to(dtype)
        if self.class_weights is None:
            return counted
        # Made anew each time: one kept from a call that was being traced would outlive its trace.
        weights_C = torch.tensor(self.class_weights, device=prediction.device, dtype=dtype)
        if target.ndim == prediction.ndim:
            return target.to(dtype) @ weights_C
        weight = weights_C[_known(target, self.ignore)]
        return weight if counted is None else weight * counted

    def require_fit(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse shapes, types and options that do not fit one another."""
        require_classes(self.kind, prediction, target, ignore=self.ignore)
        if self.class_weights is not None and len(self.class_weights) != prediction.shape[-1]:
            raise ShapeError(
                f"{self.kind}: got {len(self.class_weights)} class weights for logits of shape "
                f"{tuple(prediction.shape)}; expected [C] = {tuple(prediction.shape[-1:])}. "
                "Give one weight per class."
            )


def class_probabilities(prediction: Tensor, target: Tensor, ignore: int | None) -> Tensor:
    """The target as probabilities [B, ..., C]; 1 at class 0 where it is to be ignored."""
    if target.ndim == prediction.ndim:
        return target.to(prediction.dtype)
    index = _known(target, ignore).unsqueeze(-1)
    return torch.zeros_like(prediction).scatter(-1, index, 1.0)


def _known(target: Tensor, ignore: int | None) -> Tensor:
    return target if ignore is None else target.masked_fill(target == ignore, 0)


def require_classes(kind: str, prediction: Tensor, target: Tensor, *, ignore: int | None) -> None:
    """Refuse anything but [B, ..., C] with class indices [B, ...] or probabilities [B, ..., C]."""
    came, wanted = tuple(prediction.shape), tuple(target.shape)
    if prediction.ndim < 2 or wanted not in (came[:-1], came):
        raise ShapeError(
            f"{kind}: got a prediction of shape {came} for a target of shape {wanted}; "
            "expected logits [B, ..., C] and class indices [B, ...], or probabilities "
            "[B, ..., C]. Give the last layer one output per class."
        )
    if target.ndim < prediction.ndim and target.dtype != torch.int64:
        raise ShapeError(
            f"{kind}: got a target {wanted} of {str(target.dtype).removeprefix('torch.')}; "
            "expected class indices in int64. Call target.long(), or give probabilities "
            "[B, ..., C]."
        )
    if target.ndim == prediction.ndim and ignore is not None:
        raise ShapeError(
            f"{kind}: got probabilities of shape {wanted} with ignore={ignore}; expected class "
            "indices [B, ...] to look for it in. Drop the option, or give class indices."
        )
