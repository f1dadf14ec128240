"""Losses that are a mean over the places of a sample: numbers, labels, pixels, tokens.

Dimensions: B samples in the batch; `...` whatever places a sample has, none for one answer.
"""

from __future__ import annotations

from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import Loss, one_where_zero


class PlacewiseLoss(Loss):
    """A loss at every place p of a sample i; the sample's own is their weighted mean.

        l_i = Σ_p v_ip·l_ip / Σ_p v_ip

    v is what a place counts: 1, the weight of its class, 0 where it is ignored. The sample counts
    the mean of its v, so the loss over a batch is the mean over all places that count.
    A member writes `places`, and `place_weight` where places do not count alike.
    """

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of every place, [B] or [B, ...]."""
        raise NotImplementedError

    def place_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        """What every place counts, shaped as `places`; None counts all one."""
        return None

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        places = self.places(prediction, target)
        if places.ndim == 1:
            return places
        weight = self.place_weight(prediction, target)
        if weight is None:
            return places.flatten(1).mean(1)
        return (weight * places).flatten(1).sum(1) / one_where_zero(weight.flatten(1).sum(1))

    def target_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        weight = self.place_weight(prediction, target)
        return weight if weight is None or weight.ndim == 1 else weight.flatten(1).mean(1)


def require_equal_shapes(kind: str, prediction: Tensor, target: Tensor) -> None:
    """Refuse a prediction that is not of the target's own shape, [B] or [B, ...]."""
    if prediction.ndim > 0 and prediction.shape == target.shape:
        return
    came, wanted = tuple(prediction.shape), tuple(target.shape)
    raise ShapeError(
        f"{kind}: got a prediction of shape {came} for a target of shape {wanted}; "
        "expected one shape for both, [B] or [B, ...]. "
        + (
            f"Squeeze the prediction's last axis to get {wanted}."
            if came == (*wanted, 1)
            else "Give the network one output per number of the target."
        )
    )
