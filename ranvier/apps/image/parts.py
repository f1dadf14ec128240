"""Parts of the pictures as what training takes: bytes where they lie, and their targets."""

from __future__ import annotations

from dataclasses import replace

import torch

from ranvier.data.image import PictureData, Pictures
from ranvier.losses import Loss
from ranvier.train.batches import Part


def parts_of(data: PictureData) -> dict[str, Pictures]:
    """The parts that there are, by name."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {split: pictures for split, pictures in parts.items() if pictures is not None}


def part_of(pictures: Pictures, loss: Loss | None = None) -> Part:
    """Pictures as tensors in the memory that they have.

    Numbers to predict are standardised unless `loss` takes them in their own unit.
    """
    targets = pictures.targets
    if loss is not None and loss.in_own_unit:
        targets = pictures.truth.astype("float32")
    weights = None if pictures.weights is None else torch.from_numpy(pictures.weights)
    return Part(
        torch.from_numpy(pictures.pixels),
        torch.from_numpy(targets),
        pictures.truth,
        weights,
        pictures.numbers,
    )


def measured(pictures: Pictures) -> Part:
    """Pictures as tensors, each counting alike."""
    return replace(part_of(pictures), weights=None)
