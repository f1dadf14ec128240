"""The loss of a predicted direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import LOSSES, at_least_float32
from ranvier.losses.placewise import PlacewiseLoss, require_equal_shapes


@LOSSES.register("cosine_distance", other_spellings=("cosine", "cosine_similarity", "cosine_loss"))
@dataclass(frozen=True)
class CosineDistance(PlacewiseLoss):
    """How far two vectors point apart, whatever their lengths: 0 alike, 1 square, 2 opposite.

        l = 1 − û·v̂,  û = ŷ/‖ŷ‖, v̂ = y/‖y‖        ∂l/∂ŷ = (cos·û − v̂) / ‖ŷ‖

    A vector of length 0 points nowhere and counts as square to every other.

    Shapes: prediction and target alike, [B, D] or [B, ..., D] → each [B], the mean over vectors.

    >>> import torch
    >>> CosineDistance()(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    tensor(1.)

    Reference: Salton, Wong and Yang, A Vector Space Model for Automatic Indexing, CACM 18 (1975).
    """

    kind: ClassVar[str] = "cosine_distance"

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_equal_shapes(self.kind, prediction, target)
        if prediction.ndim < 2:
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {tuple(prediction.shape)}; expected "
                "vectors [B, D] or [B, ..., D]. Give the last layer one output per component."
            )
        prediction = at_least_float32(prediction)
        return 1 - F.cosine_similarity(prediction, target.to(prediction.dtype), dim=-1)
