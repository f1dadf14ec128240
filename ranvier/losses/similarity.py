"""Losses that weigh the cosines of a batch by how far each is from where it should be.

Dimensions: B samples in the batch, D numbers of an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.embeddings import (
    LabelledEmbeddings,
    comparable,
    cosine_similarities,
    require_labelled,
)
from ranvier.losses.loss import LOSSES
from ranvier.losses.positive import softplus


@LOSSES.register("circle", other_spellings=("circle_loss",))
@dataclass(frozen=True)
class Circle(LabelledEmbeddings):
    """Likes' cosines above 1 − m and unlikes' below m, each pulled the harder the farther off.

        l_i = softplus(log Σ_k exp(γ·α_k·(s_ik − m)) + log Σ_j exp(−γ·α_j·(s_ij − 1 + m)))
        α_j = max(0, 1 + m − s_ij),  α_k = max(0, s_ik + m),  j of i's label, k of another

    s is the cosine, m `margin`, γ `scale`. With A and U the two logarithms' arguments' shares
    (softmax over k, over j) and σ that of the softplus,
    ∂l_i/∂s_ik = σ·A_k·γ·(2·s_ik),  ∂l_i/∂s_ij = σ·U_j·γ·(2·s_ij − 2)  where α is above 0: the
    weights α take part in the gradient. Compares the samples of a batch; one without a like or an
    unlike counts nothing.

    Shapes: prediction [B, D]; target [B], labels → each [B].

    Raises:
        ConfigError: a margin outside 0 to 1, or a scale not above 0.

    Reference: Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization
    (2020).
    """

    margin: float = 0.25
    scale: float = 80.0

    kind: ClassVar[str] = "circle"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            margin=(0 <= self.margin <= 1, "a number from 0 to 1"),
            scale=(self.scale > 0, "a number above 0"),
        )

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_labelled(self.kind, prediction, target)
        cosine = cosine_similarities(prediction)
        alike, unlike = comparable(target)
        margin, scale = self.margin, self.scale
        pull = -scale * F.relu(1 + margin - cosine) * (cosine - 1 + margin)
        push = scale * F.relu(cosine + margin) * (cosine - margin)
        return softplus(log_sum_exp_where(unlike, push) + log_sum_exp_where(alike, pull))


@LOSSES.register("multi_similarity", other_spellings=("multi_similarity_loss",))
@dataclass(frozen=True)
class MultiSimilarity(LabelledEmbeddings):
    """Likes' cosines above a base and unlikes' below it, the pairs that stand out weighing most.

        l_i = 1/α · log(1 + Σ_j exp(−α·(s_ij − λ))) + 1/β · log(1 + Σ_k exp(β·(s_ik − λ)))
        ∂l_i/∂s_ij = −exp(−α·(s_ij − λ)) / (1 + Σ_j exp(−α·(s_ij − λ))),  j of i's label
        ∂l_i/∂s_ik = exp(β·(s_ik − λ)) / (1 + Σ_k exp(β·(s_ik − λ))),  k of another

    s is the cosine, λ `base`, α `like_scale`, β `unlike_scale`; no pair is left out beforehand.
    Compares the samples of a batch; one without a like or an unlike counts nothing.

    Shapes: prediction [B, D]; target [B], labels → each [B].

    Raises:
        ConfigError: a base outside −1 to 1, or a scale not above 0.

    Reference: Wang et al., Multi-Similarity Loss with General Pair Weighting for Deep Metric
    Learning (2019).
    """

    base: float = 0.5
    like_scale: float = 2.0
    unlike_scale: float = 50.0

    kind: ClassVar[str] = "multi_similarity"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            base=(-1 <= self.base <= 1, "a number from -1 to 1"),
            like_scale=(self.like_scale > 0, "a number above 0"),
            unlike_scale=(self.unlike_scale > 0, "a number above 0"),
        )

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_labelled(self.kind, prediction, target)
        above = cosine_similarities(prediction) - self.base
        alike, unlike = comparable(target)
        pull = softplus(log_sum_exp_where(alike, -self.like_scale * above)) / self.like_scale
        push = softplus(log_sum_exp_where(unlike, self.unlike_scale * above)) / self.unlike_scale
        return pull + push


def log_sum_exp_where(mask_BB: Tensor, values_BB: Tensor) -> Tensor:
    """log Σ exp of each row's masked values, [B]; so low that softplus gives 0 where none is."""
    lowest = torch.finfo(values_BB.dtype).min / 4
    return values_BB.masked_fill(~mask_BB, lowest).logsumexp(1)
