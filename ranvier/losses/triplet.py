"""Losses of an anchor that should lie nearer to its like than to its unlike.

Dimensions: B samples in the batch, D numbers of an embedding.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.embeddings import (
    LabelledEmbeddings,
    comparable,
    euclidean_distances,
    require_labelled,
    require_together,
)
from ranvier.losses.loss import LOSSES, Loss, at_least_float32

INFINITY = float("inf")


@LOSSES.register("triplet", other_spellings=("triplet_margin", "triplet_margin_loss"))
@dataclass(frozen=True)
class Triplet(Loss):
    """What the unlike lacks of lying a margin farther from the anchor than the like does.

        l = max(0, ‖a − p‖ − ‖a − n‖ + m)
        ∂l/∂p = (p − a)/‖a − p‖,  ∂l/∂n = (a − n)/‖a − n‖,  ∂l/∂a = −(∂l/∂p + ∂l/∂n)  where l > 0

    torch's kernel, which adds 10⁻⁶ to every component of a difference. Of the target only the
    number of samples is looked at.

    Shapes: prediction [B, 3, D], anchor, like, unlike; target [B, ...] → each [B].

    Raises:
        ConfigError: a margin not above 0.

    Reference: Weinberger and Saul, Distance Metric Learning for Large Margin Nearest Neighbor
    Classification (2009); Schroff et al., FaceNet (2015).
    """

    margin: float = 1.0

    kind: ClassVar[str] = "triplet"

    def __post_init__(self) -> None:
        check_ranges(self, margin=(self.margin > 0, "a number above 0"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        names = ("anchor", "like", "unlike")
        require_together(self.kind, prediction, target, names, answers=False)
        anchor, like, unlike = at_least_float32(prediction).unbind(1)
        return F.triplet_margin_loss(anchor, like, unlike, margin=self.margin, reduction="none")


@LOSSES.register(
    "mined_triplet", other_spellings=("batch_hard_triplet", "triplet_hard", "triplet_semi_hard")
)
@dataclass(frozen=True)
class MinedTriplet(LabelledEmbeddings):
    """The triplet loss of triplets found in the batch by labels, each sample once the anchor.

        hard:       l_i = max(0, max_j d_ij − min_k d_ik + m),  j of i's label, k of another
        semi_hard:  l_i = mean_j max(0, d_ij − n_ij + m),  n_ij the least d_ik above d_ij, or where
                    there is none the largest d_ik
        ∂d_ij/∂x_i = (x_i − x_j)/d_ij = −∂d_ij/∂x_j;  through those chosen alone

    `hard` takes the farthest like and the nearest unlike; `semi_hard` every like, with the nearest
    unlike that lies beyond it, which does not collapse early in training (memory B³). Compares the
    samples of a batch; one without a like or an unlike counts nothing.

    Shapes: prediction [B, D]; target [B], labels → each [B].

    Raises:
        ConfigError: a margin not above 0, or another `mining`.

    Reference: Hermans, Beyer and Leibe, In Defense of the Triplet Loss (2017) for hard; Schroff et
    al., FaceNet (2015) for semi-hard.
    """

    margin: float = 1.0
    _: KW_ONLY
    mining: str = "semi_hard"

    kind: ClassVar[str] = "mined_triplet"

    def __post_init__(self) -> None:
        known = ("hard", "semi_hard")
        check_ranges(
            self,
            margin=(self.margin > 0, "a number above 0"),
            mining=(self.mining in known, f"one of {', '.join(known)}"),
        )

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_labelled(self.kind, prediction, target)
        distance = euclidean_distances(prediction)
        alike, unlike = comparable(target)
        mine = self._hard if self.mining == "hard" else self._semi_hard
        return mine(distance, alike, unlike)

    def _hard(self, distance: Tensor, alike: Tensor, unlike: Tensor) -> Tensor:
        farthest = distance.masked_fill(~alike, -INFINITY).amax(1)
        nearest = distance.masked_fill(~unlike, INFINITY).amin(1)
        return F.relu(farthest - nearest + self.margin)

    def _semi_hard(self, distance: Tensor, alike: Tensor, unlike: Tensor) -> Tensor:
        # [anchor, like, unlike]: the unlike that lie beyond the like.
        beyond = unlike.unsqueeze(1) & (distance.unsqueeze(1) > distance.unsqueeze(2))
        nearest = distance.unsqueeze(1).masked_fill(~beyond, INFINITY).amin(2)
        farthest = distance.masked_fill(~unlike, 0).amax(1, keepdim=True)
        negative = torch.where(beyond.any(2), nearest, farthest)
        lack = F.relu(distance - negative + self.margin) * alike * unlike.any(1, keepdim=True)
        return lack.sum(1) / alike.sum(1).clamp(min=1)
