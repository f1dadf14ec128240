"""Pictures in memory: the channels of a place lie side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.step.native.lowering import Lowering, NativeUnsupported
from ranvier.step.native.values import View

# The order of axes that puts channels last, and the one that puts them back.
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def as_picture(view: View) -> View:
    """`[B, C, H, W]`, of height 1 where there is one axis of places."""
    if len(view.shape) == 3:
        return view.like(view.stand_in().unsqueeze(2))
    if len(view.shape) != 4:
        raise NativeUnsupported(f"windows over {len(view.shape) - 2} axes")
    return view


def channels_last(lowering: Lowering, view: View) -> View:
    """`[B, H, W, C]`, places in a row."""
    return lowering.contiguous(as_picture(view).permute(LAST))


def as_it_came(view: View, rank: int) -> View:
    """`[B, C, H, W]` or `[B, C, W]` of a picture with channels last."""
    moved = view.permute(FIRST)
    return moved if rank == 4 else moved.like(moved.stand_in().squeeze(2))


def pair(values: Sequence[int], rank: int, missing: int) -> tuple[int, int]:
    """Of height and width; `missing` is that of the axis which a row of places lacks."""
    values = list(values)
    if rank == 3:
        return missing, values[0]
    return values[0], values[-1]
