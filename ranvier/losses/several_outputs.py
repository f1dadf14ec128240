"""Losses that take several outputs for each number of the target, along the prediction's last axis.

Dimensions: B samples in the batch, P outputs per number; `...` a sample's numbers, none for one.
"""

from __future__ import annotations

from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import at_least_float32
from ranvier.losses.placewise import PlacewiseLoss


class SeveralOutputs(PlacewiseLoss):
    """A loss that names its P `outputs` and writes `numbers`.

    Shapes: prediction [B, ..., P], or [B, ...] where P is 1; target [B, ...] → each [B], the mean
    over a sample's numbers.
    """

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        self._require_fit(prediction, target)
        prediction = at_least_float32(prediction)
        if len(self.outputs) == 1:
            prediction = prediction.unsqueeze(-1)
        return self.numbers(prediction, target.to(prediction.dtype))

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of every number: prediction [B, ..., P], target [B, ...] → [B, ...]."""
        raise NotImplementedError

    def _require_fit(self, prediction: Tensor, target: Tensor) -> None:
        names = self.outputs
        last = () if len(names) == 1 else (len(names),)
        if target.ndim > 0 and prediction.shape == (*target.shape, *last):
            return
        wanted = f"[B, ..., {len(names)}]" if last else "[B, ...]"
        raise ShapeError(
            f"{self.kind}: got a prediction of shape {tuple(prediction.shape)} for a target of "
            f"shape {tuple(target.shape)}; expected {wanted} = {(*target.shape, *last)} for a "
            f"target [B, ...]. Give the network {len(names)} output{'s' if last else ''} per "
            f"number of the target: {', '.join(names)}."
        )
