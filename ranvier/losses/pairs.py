"""Losses of two embeddings that should lie near, or should not.

Shapes: prediction [B, 2, D], the pair's embeddings; target [B], 1 for alike and 0 for not → each
[B].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.embeddings import require_together
from ranvier.losses.loss import LOSSES, Loss, at_least_float32

PAIR = ("one", "other")


@LOSSES.register("contrastive", other_spellings=("contrastive_loss", "siamese"))
@dataclass(frozen=True)
class Contrastive(Loss):
    """Alike pairs are drawn together; unlike ones pushed apart until a margin lies between them.

        d = ‖a − b‖,  l = ½·q·d² + ½·(1 − q)·max(0, m − d)²
        ∂l/∂a = (q·d − (1 − q)·max(0, m − d))·(a − b)/d = −∂l/∂b,  0 at d = 0

    Raises:
        ConfigError: a margin not above 0.

    >>> import torch
    >>> Contrastive()(torch.tensor([[[0.0, 0.0], [3.0, 4.0]]]), torch.tensor([1]))   # ½·5²
    tensor(12.5000)

    Reference: Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping
    (2006).
    """

    margin: float = 1.0

    kind: ClassVar[str] = "contrastive"

    def __post_init__(self) -> None:
        check_ranges(self, margin=(self.margin > 0, "a number above 0"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_together(self.kind, prediction, target, PAIR, answers=True)
        one, other = at_least_float32(prediction).unbind(1)
        distance = torch.linalg.vector_norm(one - other, dim=-1)
        alike = target.to(distance.dtype)
        lack = F.relu(self.margin - distance)
        return 0.5 * (alike * distance.square() + (1 - alike) * lack.square())


@LOSSES.register("cosine_embedding", other_spellings=("cosine_embedding_loss",))
@dataclass(frozen=True)
class CosineEmbedding(Loss):
    """Alike pairs point the same way; unlike ones at least no nearer than a margin allows.

        l = 1 − cos(a, b)              where alike       ∂l/∂a = (cos·â − b̂) / ‖a‖
        l = max(0, cos(a, b) − m)      where not         ∂l/∂a = (b̂ − cos·â) / ‖a‖ where above m

    The target is 1 for alike and 0 for not, not −1. torch's kernel.

    Raises:
        ConfigError: a margin outside −1 to 1.

    Reference: Chopra, Hadsell and LeCun, Learning a Similarity Metric Discriminatively (2005).
    """

    margin: float = 0.0

    kind: ClassVar[str] = "cosine_embedding"

    def __post_init__(self) -> None:
        check_ranges(self, margin=(-1 <= self.margin <= 1, "a number from -1 to 1"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_together(self.kind, prediction, target, PAIR, answers=True)
        one, other = at_least_float32(prediction).unbind(1)
        sign = (target > 0).to(one.dtype) * 2 - 1
        return F.cosine_embedding_loss(one, other, sign, margin=self.margin, reduction="none")
