"""Losses of two views of each sample that should find one another among the whole batch.

Two crops of a picture, a picture and its caption: nothing is labelled, the pairing is the label.

Dimensions: B samples in the batch, D numbers of an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.embeddings import cosine_similarities, require_together
from ranvier.losses.loss import LOSSES, Loss, at_least_float32

VIEWS = ("one view", "other view")


@LOSSES.register("info_nce", other_spellings=("infonce", "clip", "clip_loss"))
@dataclass(frozen=True)
class InfoNCE(Loss):
    """Surprise at which of the batch's other views belongs to a view, asked both ways.

        s_ij = â_i·b̂_j / τ
        l_i  = −½·log softmax_j(s_ij)_i − ½·log softmax_j(s_ji)_i
        ∂L/∂s_ij = ½·w_i·(softmax_j(s_ij) − δ_ij) + ½·w_j·(softmax_i(s_ij) − δ_ij),  w the weights

    Embeddings are set to length 1 first; τ is `temperature`. Compares the samples of a batch: every
    other sample is an answer that would be wrong. Of the target only their number is looked at.

    Shapes: prediction [B, 2, D], two views; target [B, ...] → each [B].

    Raises:
        ConfigError: a temperature not above 0.

    Reference: van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive
    Coding (2018); Radford et al., Learning Transferable Visual Models From Natural Language
    Supervision (2021) for both ways.
    """

    temperature: float = 0.1

    kind: ClassVar[str] = "info_nce"
    mixes_samples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self, temperature=(self.temperature > 0, "a number above 0"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_together(self.kind, prediction, target, VIEWS, answers=False)
        one, other = F.normalize(at_least_float32(prediction), dim=-1).unbind(1)
        similarity = one @ other.T / self.temperature
        own = torch.arange(similarity.shape[0], device=similarity.device)
        ways = [F.cross_entropy(s, own, reduction="none") for s in (similarity, similarity.T)]
        return 0.5 * (ways[0] + ways[1])


@LOSSES.register("nt_xent", other_spellings=("ntxent", "simclr", "normalized_temperature_xent"))
@dataclass(frozen=True)
class NTXent(Loss):
    """InfoNCE where both views of every other sample are answers that would be wrong.

        z = (a_1 … a_B, b_1 … b_B),  s_ij = ẑ_i·ẑ_j / τ,  p_i = softmax of s_i over all j ≠ i
        l_i = −½·log p_{i, B+i} − ½·log p_{B+i, i}
        ∂L/∂s_ij = ½·w_i·(p_ij − [j is i's other view])

    τ is `temperature`. Compares the samples of a batch. Of the target only their number is looked
    at.

    Shapes: prediction [B, 2, D], two views; target [B, ...] → each [B].

    Raises:
        ConfigError: a temperature not above 0.

    Reference: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations
    (2020).
    """

    temperature: float = 0.1

    kind: ClassVar[str] = "nt_xent"
    mixes_samples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self, temperature=(self.temperature > 0, "a number above 0"))

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_together(self.kind, prediction, target, VIEWS, answers=False)
        samples = prediction.shape[0]
        views = prediction.transpose(0, 1).flatten(0, 1)
        similarity = cosine_similarities(views) / self.temperature
        itself = torch.eye(2 * samples, dtype=torch.bool, device=similarity.device)
        # The least number there is and not −∞, so that 0 times it is a number.
        similarity = similarity.masked_fill(itself, torch.finfo(similarity.dtype).min)
        other = torch.arange(2 * samples, device=similarity.device).roll(samples)
        each = F.cross_entropy(similarity, other, reduction="none")
        return each.view(2, samples).mean(0)
