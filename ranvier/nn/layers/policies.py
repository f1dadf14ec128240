"""Policies of augmentation: all changes of a kind are computed at once, and each picture keeps one.

B batch, H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.nn.layers.augmentation import (
    Augmentation,
    Movement,
    beside,
    maker,
    moved,
    uniform,
)
from ranvier.nn.layers.colours import away_from, grey, inverted_above, posterized
from ranvier.nn.modules import MODULES
from ranvier.spec import RandAugment as RandAugmentLayer
from ranvier.spec import TrivialAugment as TrivialAugmentLayer

CHANGES = (
    "nothing",
    "shear right",
    "shear down",
    "shift right",
    "shift down",
    "rotate",
    "brightness",
    "contrast",
    "colour",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
"""What a draw from 0 on stands for."""


@dataclass(frozen=True)
class Ranges:
    """How far each change goes at full strength; shear is a tangent, shift a share of the side."""

    shear: float
    shift: float
    degrees: float
    blend: float
    bits: int


WIDE = Ranges(shear=0.99, shift=1.0, degrees=135.0, blend=0.99, bits=6)
USUAL = Ranges(shear=0.3, shift=0.45, degrees=30.0, blend=0.9, bits=4)


def one_change(
    pictures: Tensor, change_B: Tensor, strength_B: Tensor, ranges: Ranges, fill: str
) -> Tensor:
    """Every picture, with numbers from 0 to 1, after the one change that is its own.

    `strength` from 0 to 1; whether a change with two directions goes one way or the other is drawn.

    Shapes: [B, H, W, 3], [B], [B] -> [B, H, W, 3].
    """
    sign_B = uniform(pictures, -1, 1).sign()
    signed_B = strength_B * sign_B

    def only(*names: str) -> Tensor:
        is_one = torch.zeros_like(change_B, dtype=torch.bool)
        for name in names:
            is_one = is_one | (change_B == CHANGES.index(name))
        return is_one

    def amount(name: str, most: float) -> Tensor:
        return torch.where(only(name), most * signed_B, 0)

    movement = Movement(
        rotation=amount("rotate", math.radians(ranges.degrees)),
        right=amount("shift right", ranges.shift),
        down=amount("shift down", ranges.shift),
        slant=amount("shear right", ranges.shear),
        slant_down=amount("shear down", ranges.shear),
        zoom=torch.ones_like(signed_B),
    )
    moves = beside(only("shear right", "shear down", "shift right", "shift down", "rotate"))
    result = torch.where(moves, moved(pictures, movement, fill), pictures)
    factor = beside(1 + ranges.blend * signed_B)
    for name, plain in _plain(pictures).items():
        blended = away_from(plain, pictures, factor).clamp(0, 1)
        result = torch.where(beside(only(name)), blended, result)
    step = beside(2.0 ** (ranges.bits * strength_B).round())
    for name, changed in {
        "posterize": posterized(pictures, step),
        "solarize": inverted_above(pictures, beside(1 - strength_B)),
        "autocontrast": autocontrasted(pictures),
        "equalize": equalized(pictures),
    }.items():
        result = torch.where(beside(only(name)), changed, result)
    return result


def _plain(pictures: Tensor) -> dict[str, Tensor]:
    """What pictures are drawn to, by the change that does it."""
    brightness = grey(pictures)
    return {
        "brightness": torch.zeros_like(brightness),
        "contrast": brightness.mean((1, 2), keepdim=True),
        "colour": brightness,
        "sharpness": blurred(pictures),
    }


def blurred(pictures: Tensor) -> Tensor:
    """PIL's smoothing filter, (1 1 1; 1 5 1; 1 1 1) / 13; the border stays as it is."""
    around = F.avg_pool2d(pictures.movedim(-1, 1), 3, stride=1, padding=1).movedim(1, -1)
    smooth = (9 * around + 4 * pictures) / 13
    rows, columns = (torch.arange(n, device=pictures.device) for n in pictures.shape[1:3])
    inner_row = (rows > 0) & (rows < pictures.shape[1] - 1)
    inner_column = (columns > 0) & (columns < pictures.shape[2] - 1)
    is_inside = inner_row[:, None, None] & inner_column[None, :, None]
    return torch.where(is_inside, smooth, pictures)


def autocontrasted(pictures: Tensor) -> Tensor:
    """Each channel stretched from 0 to 1; one of a single level stays."""
    low, high = pictures.amin((1, 2), keepdim=True), pictures.amax((1, 2), keepdim=True)
    spread = high - low
    stretched = (pictures - low) / torch.where(spread > 0, spread, 1)
    return torch.where(spread > 0, stretched, pictures)


def equalized(pictures: Tensor) -> Tensor:
    """Each channel's 256 levels spread so that all are used equally often, as PIL does it."""
    levels_BPC = (pictures * 255).round().long().clamp(0, 255).flatten(1, 2)
    counts_BLC = levels_BPC.new_zeros(pictures.shape[0], 256, pictures.shape[-1])
    counts_BLC = counts_BLC.scatter_add(1, levels_BPC, torch.ones_like(levels_BPC))
    highest = counts_BLC.gather(1, levels_BPC.amax(1, keepdim=True))
    step = (levels_BPC.shape[1] - highest) // 255
    below = counts_BLC.cumsum(1) - counts_BLC
    table = ((below + step // 2) // step.clamp_min(1)).clamp(0, 255)
    spread = table.gather(1, levels_BPC).to(pictures.dtype).view_as(pictures) / 255
    return torch.where((step > 0).unsqueeze(1), spread, pictures)


def draw_changes(pictures: Tensor) -> Tensor:
    """The number of a change for each picture, all equally likely, [B]."""
    return torch.randint(0, len(CHANGES), (pictures.shape[0],), device=pictures.device)


class TrivialAugment(Augmentation):
    """One change of any strength."""

    layer: TrivialAugmentLayer

    def changed(self, pictures: Tensor) -> Tensor:
        low, high = self.layer.limits
        shares = ((pictures - low) / (high - low)).clamp(0, 1)
        strength = uniform(pictures, 0, 1)
        changed = one_change(shares, draw_changes(pictures), strength, WIDE, self.layer.fill)
        return low + (high - low) * changed


class RandAugment(Augmentation):
    """Several changes of one strength."""

    layer: RandAugmentLayer

    def changed(self, pictures: Tensor) -> Tensor:
        low, high = self.layer.limits
        shares = ((pictures - low) / (high - low)).clamp(0, 1)
        strength = uniform(pictures, self.layer.magnitude, self.layer.magnitude)
        for _ in range(self.layer.times):
            shares = one_change(shares, draw_changes(pictures), strength, USUAL, self.layer.fill)
        return low + (high - low) * shares


_KINDS: dict[str, type[Augmentation]] = {
    "trivial_augment": TrivialAugment,
    "rand_augment": RandAugment,
}
for _kind, _module in _KINDS.items():
    MODULES.add(_kind, maker(_module))
