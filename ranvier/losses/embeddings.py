"""What losses of embeddings share: which samples are alike, and how near they lie.

Dimensions: B samples in the batch, N embeddings of a sample, D numbers of an embedding.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import Loss, at_least_float32


class LabelledEmbeddings(Loss):
    """A loss that compares the embeddings of a batch by their labels.

    A sample that no other in the batch is alike to, or none unlike, teaches nothing and counts
    nothing. Every sample of a batch meets every other, so batches should hold several of a class.
    """

    mixes_samples: ClassVar[bool] = True

    @property
    def weighs_targets(self) -> bool:
        return True

    def target_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        alike, unlike = comparable(target)
        return (alike.any(1) & unlike.any(1)).to(at_least_float32(prediction).dtype)


def comparable(label_B: Tensor) -> tuple[Tensor, Tensor]:
    """Two masks [B, B]: other samples of the same label, and samples of another label."""
    same = label_B.unsqueeze(1) == label_B
    itself = torch.eye(label_B.shape[0], dtype=torch.bool, device=label_B.device)
    return same & ~itself, ~same


def cosine_similarities(embedding_BD: Tensor) -> Tensor:
    """The cosine of every embedding with every other, [B, B]."""
    unit = F.normalize(at_least_float32(embedding_BD), dim=-1)
    return unit @ unit.T


def euclidean_distances(embedding_BD: Tensor) -> Tensor:
    """The distance of every embedding from every other, [B, B]; its slope at 0 is 0."""
    embedding_BD = at_least_float32(embedding_BD)
    # By products of matrices near points would lose their distance to cancellation.
    return torch.cdist(embedding_BD, embedding_BD, compute_mode="donot_use_mm_for_euclid_dist")


def require_labelled(kind: str, prediction: Tensor, target: Tensor) -> None:
    """Refuse anything but embeddings [B, D] with one label each."""
    if prediction.ndim == 2 and target.shape == prediction.shape[:1]:
        return
    raise ShapeError(
        f"{kind}: got a prediction of shape {tuple(prediction.shape)} for a target of shape "
        f"{tuple(target.shape)}; expected embeddings [B, D] and labels [B]. "
        "Give one embedding and one label per sample."
    )


def require_together(
    kind: str, prediction: Tensor, target: Tensor, names: tuple[str, ...], *, answers: bool
) -> None:
    """Refuse anything but N embeddings per sample, [B, N, D], named; `answers` also wants [B]."""
    fits = prediction.ndim == 3 and prediction.shape[1] == len(names)
    if fits and target.shape[: None if answers else 1] == prediction.shape[:1]:
        return
    raise ShapeError(
        f"{kind}: got a prediction of shape {tuple(prediction.shape)} for a target of shape "
        f"{tuple(target.shape)}; expected embeddings [B, {len(names)}, D] and "
        f"{'answers [B]' if answers else 'a target of B samples'}. Give {len(names)} embeddings "
        f"per sample along the second axis: {', '.join(names)}."
    )
