"""Pictures moved, cut and covered at random in training, each by draws of its own.

B batch, H height, W width, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.pictures import middle
from ranvier.nn.layers.preprocessing import as_numbers
from ranvier.nn.layers.spatial import padded as with_places
from ranvier.nn.mixing import spans
from ranvier.nn.modules import MODULES, Maker
from ranvier.spec import RandomCrop as RandomCropLayer
from ranvier.spec import RandomErasing as RandomErasingLayer
from ranvier.spec import RandomFlip as RandomFlipLayer
from ranvier.spec.layers.augmentation import Moves

# What torch calls them: where it looks points up, and where it pads.
_LOOK_UP = {"reflect": "reflection", "edge": "border", "zero": "zeros"}
_PAD = {"reflect": "reflect", "edge": "replicate", "zero": "constant"}


class Augmentation(nn.Module):
    """Changes pictures in training and passes them on in evaluation.

    Shapes: [B, H, W, C] -> the same.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        pictures = as_numbers(input)
        return self.changed(pictures) if self.training else pictures

    def changed(self, pictures: Tensor) -> Tensor:
        """The pictures, changed."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return repr(self.layer)


def maker(module: type[Augmentation]) -> Maker:
    """What the registry calls for a kind of layer that this module does."""
    return lambda node, _: module(node.layer)


def uniform(pictures: Tensor, low: float, high: float) -> Tensor:
    """A number for each picture, [B]."""
    draws = torch.rand(pictures.shape[0], dtype=pictures.dtype, device=pictures.device)
    return low + (high - low) * draws


def chosen(pictures: Tensor, rate: float) -> Tensor:
    """True for each picture with probability `rate`, [B, 1, 1, 1]."""
    draws = torch.rand(pictures.shape[0], device=pictures.device)
    return beside(draws < rate)


def beside(numbers_B: Tensor) -> Tensor:
    """A number per picture as it stands beside pictures, [B, 1, 1, 1]."""
    return numbers_B.view(-1, 1, 1, 1)


class RandomFlip(Augmentation):
    """Mirror images, each way with probability ½."""

    layer: RandomFlipLayer

    def changed(self, pictures: Tensor) -> Tensor:
        if self.layer.direction != "vertical":
            pictures = torch.where(chosen(pictures, 0.5), pictures.flip(2), pictures)
        if self.layer.direction != "horizontal":
            pictures = torch.where(chosen(pictures, 0.5), pictures.flip(1), pictures)
        return pictures


class RandomCrop(Augmentation):
    """A part from anywhere; the middle in evaluation.

    Shapes: [B, H, W, C] -> [B, height, width, C].
    """

    layer: RandomCropLayer

    def forward(self, input: Tensor) -> Tensor:
        layer = self.layer
        view = as_numbers(input).movedim(-1, 1)
        around = [(layer.padding, layer.padding)] * 2
        padded = with_places(view, around, _PAD[layer.fill]).movedim(1, -1)
        if not self.training:
            return middle(padded, layer.height, layer.width)
        rows_BH = self._places(padded.shape[0], padded.shape[1], layer.height, padded.device)
        columns_BW = self._places(padded.shape[0], padded.shape[2], layer.width, padded.device)
        batch_B = torch.arange(padded.shape[0], device=padded.device)
        return padded[batch_B[:, None, None], rows_BH.unsqueeze(2), columns_BW.unsqueeze(1)]

    @staticmethod
    def _places(batch: int, length: int, wanted: int, device: torch.device) -> Tensor:
        start_B = torch.randint(0, length - wanted + 1, (batch, 1), device=device)
        return start_B + torch.arange(wanted, device=device)


@dataclass(frozen=True)
class Movement:
    """How each picture is moved: angles in radians, shifts in shares of the sides; all [B].

    A slant is the tangent of its angle; `zoom` is how many times as large things are seen.
    """

    rotation: Tensor
    right: Tensor
    down: Tensor
    slant: Tensor
    slant_down: Tensor
    zoom: Tensor


def moved(pictures_BHWC: Tensor, movement: Movement, fill: str) -> Tensor:
    """The pictures, turned anticlockwise, slanted, zoomed and then shifted, by one look-up each."""
    height, width = pictures_BHWC.shape[1:3]
    cos, sin = movement.rotation.cos(), movement.rotation.sin()
    # Where a point of the result is looked up, in points from the middle: first the slants are
    # taken back, then the rotation and the zoom.
    a, b, c, d = cos, -sin, sin, cos
    a, b, c, d = (
        a - b * movement.slant_down,
        b - a * movement.slant,
        c - d * movement.slant_down,
        d - c * movement.slant,
    )
    a, b, c, d = (each / movement.zoom for each in (a, b, c, d))
    # torch's coordinates go from −1 to 1 along each side, so off the diagonal the ratio counts.
    b, c = b * (height / width), c * (width / height)
    right = -2 * (a * movement.right + b * movement.down)
    down = -2 * (c * movement.right + d * movement.down)
    matrix_B23 = torch.stack([a, b, right, c, d, down], dim=1).view(-1, 2, 3)
    # In half precision a coordinate would miss its point; the look-up is done in float32.
    exact = torch.promote_types(pictures_BHWC.dtype, torch.float32)
    pictures_BCHW = pictures_BHWC.movedim(-1, 1)
    grid = F.affine_grid(matrix_B23.to(exact), list(pictures_BCHW.shape), align_corners=False)
    looked_up = F.grid_sample(
        pictures_BCHW.to(exact), grid, padding_mode=_LOOK_UP[fill], align_corners=False
    )
    return looked_up.movedim(1, -1).to(pictures_BHWC.dtype)


class RandomAffine(Augmentation):
    """All movements at once."""

    layer: Moves

    def changed(self, pictures: Tensor) -> Tensor:
        layer = self.layer
        slants = torch.tan(uniform(pictures, -1, 1) * math.radians(layer.most("shear")))
        movement = Movement(
            rotation=uniform(pictures, -1, 1) * math.radians(layer.most("rotation")),
            right=uniform(pictures, -1, 1) * layer.most("translation"),
            down=uniform(pictures, -1, 1) * layer.most("translation"),
            slant=slants,
            slant_down=torch.zeros_like(slants),
            zoom=1 + uniform(pictures, -1, 1) * layer.most("zoom"),
        )
        return moved(pictures, movement, layer.fill)


class RandomErasing(Augmentation):
    """A box of each chosen picture is covered."""

    layer: RandomErasingLayer

    def changed(self, pictures: Tensor) -> Tensor:
        layer, (height, width) = self.layer, pictures.shape[1:3]
        area = uniform(pictures, *layer.area) * (height * width)
        ratio = uniform(pictures, *map(math.log, layer.ratio)).exp()
        rows_BH = self._span(pictures, height, (area * ratio).sqrt())
        columns_BW = self._span(pictures, width, (area / ratio).sqrt())
        box_BHW1 = (rows_BH.unsqueeze(2) & columns_BW.unsqueeze(1)).unsqueeze(3)
        return pictures.masked_fill(box_BHW1 & chosen(pictures, layer.rate), layer.value)

    @staticmethod
    def _span(pictures: Tensor, length: int, wanted: Tensor) -> Tensor:
        side = wanted.round().clamp(1, length)
        start = (uniform(pictures, 0, 1) * (length - side + 1)).floor()
        return spans(length, start, start + side)


_KINDS: dict[str, type[Augmentation]] = {
    "random_flip": RandomFlip,
    "random_crop": RandomCrop,
    "random_affine": RandomAffine,
    "random_rotation": RandomAffine,
    "random_translation": RandomAffine,
    "random_zoom": RandomAffine,
    "random_erasing": RandomErasing,
}
for _kind, _module in _KINDS.items():
    MODULES.add(_kind, maker(_module))
