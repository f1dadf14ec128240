"""How the output of a layer is read as a map of the picture, whatever its layout.

Ranvier's modules give [B, h, w, C], most others [B, C, h, w], transformers a row of patches
[B, T, C] behind a few tokens of their own. The shape mostly says which; where it fits several, the
right reading is the one whose places see the smallest part of the picture.

B pictures, H × W pixels, h × w places of the map, T tokens, C features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Layout = Literal["features_last", "features_second", "tokens"]

# Tokens before the patches: none, a class token, or that and four registers.
TOKENS_BEFORE = (0, 1, 5)
# A map may be this much longer or shorter, in logarithms, than the picture's sides are to one
# another; one whose ratio is nearer than another's by less than ALIKE is not told from it.
FITS, ALIKE = 1.0, 0.1


@dataclass(frozen=True)
class Grid:
    """A map of `height` × `width` places in the output of a layer."""

    layout: Layout
    height: int
    width: int

    @property
    def places(self) -> int:
        return self.height * self.width

    def read(self, output: Tensor) -> Tensor:
        """The map `[B, h, w, C]`, a view of the output."""
        if self.layout == "features_last":
            return output
        if self.layout == "features_second":
            return output.movedim(1, -1)
        patches = output[:, output.shape[1] - self.places :]
        return patches.unflatten(1, (self.height, self.width))


def grids_of(shape: Sequence[int], height: int, width: int) -> list[Grid]:
    """The readings of an output of this shape that fit a picture of `height` × `width`.

    >>> grids_of((1, 64, 7, 7), 28, 28)
    [Grid(layout='features_second', height=7, width=7)]
    >>> [grid.layout for grid in grids_of((1, 8, 8, 8), 28, 28)]
    ['features_last', 'features_second']
    >>> grids_of((1, 50, 64), 28, 28), grids_of((1, 1, 1, 64), 28, 28)
    ([Grid(layout='tokens', height=7, width=7)], [])
    """
    if len(shape) == 3:
        found = [_token_grid(shape[1] - before, height, width) for before in TOKENS_BEFORE]
    elif len(shape) == 4:
        found = [
            Grid("features_last", shape[1], shape[2]),
            Grid("features_second", shape[2], shape[3]),
        ]
    else:
        found = []
    off = {grid: _mismatch(grid, height, width) for grid in found if grid and grid.places > 1}
    least = min(off.values(), default=math.inf)
    return [grid for grid, each in off.items() if each <= min(FITS, least + ALIKE)]


def _token_grid(count: int, height: int, width: int) -> Grid | None:
    """So many patches as a map of the picture's proportions, if they can be one."""
    if count < 2:
        return None
    rows = max(1, round(math.sqrt(count * height / width)))
    return Grid("tokens", rows, count // rows) if count % rows == 0 else None


def _mismatch(grid: Grid, height: int, width: int) -> float:
    return abs(math.log(grid.height / grid.width) - math.log(height / width))


def nearest_seen(grids: Sequence[Grid], output: Tensor, pixels_BHWC: Tensor) -> Grid:
    """The reading of `output` whose middle place sees the smallest part of the picture.

    Read the wrong way, a "place" is a row or a column of the picture.
    """
    if len(grids) == 1:
        return grids[0]
    return min(grids, key=lambda grid: _spread(grid, output, pixels_BHWC))


def _spread(grid: Grid, output: Tensor, pixels_BHWC: Tensor) -> float:
    """The variance of where the pixels are that the middle place sees; ∞ if it sees none."""
    place = grid.read(output)[0, grid.height // 2, grid.width // 2].sum()
    (gradient,) = torch.autograd.grad(place, pixels_BHWC, retain_graph=True, allow_unused=True)
    if gradient is None or not gradient[0].any():
        return math.inf
    weight_HW = gradient[0].abs().sum(-1).double()
    weight_HW /= weight_HW.sum()
    variance = 0.0
    for axis in (0, 1):
        weight = weight_HW.sum(1 - axis)
        place_of = torch.arange(len(weight), dtype=weight.dtype, device=weight.device)
        mean = (weight * place_of).sum()
        variance += float((weight * (place_of - mean) ** 2).sum())
    return variance
