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
    tensor to decide what to do next, so a step that holds a loss can be captured, unless it says
    otherwise by `capturable`.

    `mixes_samples` is true where a sample's loss also depends on the others in its batch, as where
    embeddings are compared: a weight then counts the sample as the one that compares, and a sample
    of weight 0 is still compared with. `in_own_unit` is true where a number must come as it was
    measured, since a standardised one has lost what the loss is about: its ratios, or its zero.
    """

    kind: ClassVar[str]
    mixes_samples: ClassVar[bool] = False
    capturable: ClassVar[bool] = True
    in_own_unit: ClassVar[bool] = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the prediction holds, along a last axis, for each number of the target.

        Empty where the task alone says how many outputs there are: one per number, or per class.
        """
        return ()

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
    def weighs_targets(self) -> bool:
        """Whether samples count unequally by what their targets hold: see `target_weight`."""
        return False

    def target_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        """What each sample counts by its target alone, [B]; None counts all one.

        Class weights say so, and targets that say nothing: all places ignored, no other sample of
        the same class to compare with.
        """
        return None

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The weighted mean over the batch, a scalar; 0 where every weight is 0.

        Shapes: prediction and target as `each` takes them, weight [B].

        Raises:
            ShapeError: as `each`, or a weight that is not one number per sample.
        """
        if weight is None and not self.weighs_targets:
            return self.mean(prediction, target)
        total, weight_sum = self.sums(prediction, target, weight)
        return total / one_where_zero(weight_sum)

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
        target_weight = self.target_weight(prediction, target)
        if target_weight is not None:
            weight = target_weight if weight is None else weight * target_weight
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


def one_where_zero(weight_sum: Tensor) -> Tensor:
    """A sum of weights to divide by: where it is 0, 1 keeps the quotient and its gradient at 0."""
    return torch.where(weight_sum > 0, weight_sum, torch.ones_like(weight_sum))
