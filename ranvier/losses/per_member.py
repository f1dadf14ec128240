"""The loss of an ensemble trained as one network: each member answers for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import Loss


@dataclass(frozen=True)
class PerMember(Loss):
    """The mean over K members of each member's own loss, never the loss of their mean.

        l = 1/K · Σ_k loss(prediction_k, target)

    Losing the mean's loss would let members lean on one another and become alike; each must be
    right by itself.

    Shapes: prediction [B, K, ...], target [B, ...] as `loss` takes them without K → each [B].

    Raises:
        ShapeError: no member axis, or a member's prediction that does not fit the target.

    Reference: Gorishniy et al., TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling (2025), 3.3.
    """

    loss: Loss

    kind: ClassVar[str] = "per_member"

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        if prediction.ndim < 2 or prediction.shape[0] != target.shape[0]:
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {tuple(prediction.shape)} for a target of "
                f"shape {tuple(target.shape)}; expected [B, K, ...] and [B, ...]. "
                "Give the prediction an axis of members after the batch."
            )
        if self.loss.mixes_samples:
            # One call over all members would compare a sample of one with a sample of another.
            return torch.stack([self.loss.each(k, target) for k in prediction.unbind(1)]).mean(0)
        members = prediction.shape[1]
        repeated = target.unsqueeze(1).expand(-1, members, *target.shape[1:])
        each_BK = self.loss.each(prediction.flatten(0, 1), repeated.flatten(0, 1))
        return each_BK.unflatten(0, (-1, members)).mean(dim=1)

    @property
    def mixes_samples(self) -> bool:  # type: ignore[override]  # as the members' own loss does
        return self.loss.mixes_samples

    @property
    def capturable(self) -> bool:  # type: ignore[override]
        return self.loss.capturable

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.loss.outputs

    @property
    def weighs_targets(self) -> bool:
        return self.loss.weighs_targets

    def target_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        return self.loss.target_weight(prediction[:, 0], target)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "loss": self.loss.to_json()}
