"""What every loss is: one number per sample, and their weighted mean.

Dimensions: B samples in the batch, C classes, K members of an ensemble.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.kinds import to_document
from ranvier.core.registry import Registry


class Loss:
    """How wrong a prediction is, per sample; training lessens the weighted mean.

        L = Σ_i w_i·l_i / Σ_i w_i

    A member is a frozen dataclass with `kind` and `each`. Nothing in it looks at the numbers in a
    tensor to decide what to do next, so a step that holds a loss can be captured.
    """

    kind: ClassVar[str]

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Every sample's own loss l, of shape [B].

        Raises:
            ShapeError: the prediction and the target do not fit each other; nothing is broadcast.
        """
        raise NotImplementedError

    def mean(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The plain mean of `each`; a member overrides it where torch has one kernel for both."""
        return self.each(prediction, target).mean()

    @property
    def weighs_classes(self) -> bool:
        """Whether samples may weigh by their class: the option `class_weights` says how."""
        return getattr(self, "class_weights", None) is not None

    def class_weight(self, target: Tensor, like: Tensor) -> Tensor | None:
        """What each sample counts for its class, [B] in `like`'s precision; None counts all one."""
        return None

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The weighted mean over the batch, a scalar; 0 where every weight is 0.

        Shapes: prediction and target as `each` takes them, weight [B].

        Raises:
            ShapeError: as `each`, or a weight that is not one number per sample.
        """
        if weight is None and not self.weighs_classes:
            return self.mean(prediction, target)
        total, weight_sum = self.sums(prediction, target, weight)
        # Dividing by 1 instead of by a sum of 0 keeps both the loss and its gradient at 0.
        return total / torch.where(weight_sum > 0, weight_sum, torch.ones_like(weight_sum))

    def sums(
        self, prediction: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Σ w·l and Σ w, two scalars: what the mean over many batches is made of."""
        each = self.each(prediction, target)
        if weight is not None and weight.shape != each.shape:
            raise ShapeError(
                f"{self.kind}: sample weights of shape {tuple(weight.shape)} came with "
                f"{each.shape[0]} samples; expected [B] = {tuple(each.shape)}. "
                "Give one weight per sample."
            )
        class_weight = self.class_weight(target, each)
        if class_weight is not None:
            weight = class_weight if weight is None else weight * class_weight
        if weight is None:
            return each.sum(), each.new_tensor(each.shape[0])
        return (weight * each).sum(), weight.sum()

    def to_json(self) -> dict[str, Any]:
        """The loss as `{kind, options}`; `loss_from` reads it back."""
        return to_document(self)


LOSSES: Registry[type[Loss]] = Registry("loss")


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor in a precision fit for summing: float64 stays, the rest is float32."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def require_vectors(kind: str, prediction: Tensor, target: Tensor) -> None:
    """Refuse anything but prediction [B] and target [B]."""
    if prediction.ndim == 1 and prediction.shape == target.shape:
        return
    came = tuple(prediction.shape)
    raise ShapeError(
        f"{kind}: got a prediction of shape {came} for a target of shape {tuple(target.shape)}; "
        "expected [B] for both. "
        + (
            f"Squeeze the prediction's last axis to get [B] = {came[:1]}."
            if came[1:] == (1,) and came[:1] == tuple(target.shape)
            else "Give the network one output per sample, and one target for each."
        )
    )
