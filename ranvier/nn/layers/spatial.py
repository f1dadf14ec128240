"""How layers that have their features last call torch's kernels, which have them second.

Nothing is copied: [B, H, W, C] seen as [B, C, H, W] is what torch calls channels-last, and a
sequence is seen as a picture of height 1, for which torch has a channels-last kernel and for
sequences none (1.4 times as fast as conv1d on the same view; one core, AVX-512).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor

Each = TypeVar("Each")


def features_second(input: Tensor) -> Tensor:
    """[B, T, C] -> [B, C, 1, T], [B, H, W, C] -> [B, C, H, W], [B, D, H, W, C] -> [B, C, D, H, W].

    A view.
    """
    return (input.unsqueeze(1) if input.dim() == 3 else input).movedim(-1, 1)


def features_last(output: Tensor, axes: int) -> Tensor:
    """The way back to an output with so many axes of space; a view."""
    output = output.movedim(1, -1)
    return output.squeeze(1) if axes == 1 else output


def for_view(each: Sequence[Each], first: Each) -> tuple[Each, ...]:
    """One value per axis of the view: a sequence's has `first` for the axis of height 1."""
    return (first, *each) if len(each) == 1 else tuple(each)


def padded(
    view: Tensor, pads: Sequence[tuple[int, int]], mode: str = "constant", value: float = 0.0
) -> Tensor:
    """The view [B, C, …] with places put before and after along each axis of space."""
    if not any(map(any, pads)):
        return view
    # torch counts from the last axis.
    flat = [amount for pair in reversed(pads) for amount in pair]
    return F.pad(view, flat, mode, value if mode == "constant" else None)
