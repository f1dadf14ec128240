"""All pictures of an explanation in one: each beside its heat, in the order of their names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ranvier.explain.heat import Bytes, enlarged, factor_for, in_colour

if TYPE_CHECKING:
    from ranvier.explain.explanation import Explanation

PAPER = 255
GAP = 8


def pair_of(explanation: Explanation, row: int) -> Bytes:
    """One picture with its heat to the right, small ones enlarged by a whole factor."""
    picture = in_colour(explanation.pictures[row])
    heat = explanation.overlays[row]
    height, width = picture.shape[:2]
    factor = factor_for(height, width)
    between = np.full((height * factor, GAP // 2, 3), PAPER, dtype=np.uint8)
    return np.concatenate([enlarged(picture, factor), between, enlarged(heat, factor)], axis=1)


def sheet_of(explanation: Explanation) -> Bytes:
    """The pairs row by row, about as many in a row as make the sheet square."""
    pairs = [pair_of(explanation, row) for row in range(len(explanation))]
    height, width = pairs[0].shape[:2]
    across = max(1, min(len(pairs), round(math.sqrt(len(pairs) * height / width))))
    down = -(-len(pairs) // across)
    sheet = np.full(
        (GAP + down * (height + GAP), GAP + across * (width + GAP), 3), PAPER, dtype=np.uint8
    )
    for index, pair in enumerate(pairs):
        top = GAP + index // across * (height + GAP)
        left = GAP + index % across * (width + GAP)
        sheet[top : top + height, left : left + width] = pair
    return sheet
