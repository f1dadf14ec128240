"""Pictures of another size, with torch's kernels on a view with the channels first.

B batch, H height, W width, C channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.preprocessing import as_numbers
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import CenterCrop as CenterCropLayer
from ranvier.spec import Node
from ranvier.spec import Resizing as ResizingLayer

# torch's "nearest" takes the upper left of the points; the exact one looks from the middle, as PIL.
_MODES = {"nearest": "nearest-exact"}


def middle(pictures_BHWC: Tensor, height: int, width: int) -> Tensor:
    """The middle part.

    Shapes: [B, H, W, C] -> [B, height, width, C].
    """
    top, left = (
        (s - n) // 2 for s, n in zip(pictures_BHWC.shape[1:3], (height, width), strict=True)
    )
    return pictures_BHWC[:, top : top + height, left : left + width]


class Resizing(nn.Module):
    """torch's interpolation.

    Shapes: [B, H, W, C] -> [B, height, width, C].
    """

    def __init__(self, layer: ResizingLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        layer, (height, width) = self.layer, input.shape[1:3]
        taken = middle(as_numbers(input), *layer.taken(height, width))
        inner = layer.filled(height, width)
        is_smooth = layer.method in ("bilinear", "bicubic")
        resized = F.interpolate(
            taken.movedim(-1, 1),
            inner,
            mode=_MODES.get(layer.method, layer.method),
            align_corners=False if is_smooth else None,
            antialias=layer.antialias and is_smooth,
        ).movedim(1, -1)
        rows, columns = layer.height - inner[0], layer.width - inner[1]
        if not (rows or columns):
            return resized
        sides = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return F.pad(resized, (0, 0, *sides))

    def extra_repr(self) -> str:
        return repr(self.layer)


class CenterCrop(nn.Module):
    """The middle of every picture.

    Shapes: [B, H, W, C] -> [B, height, width, C].
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, input: Tensor) -> Tensor:
        return middle(input, self.height, self.width)

    def extra_repr(self) -> str:
        return f"height={self.height}, width={self.width}"


@MODULES.register("resizing")
def _resizing(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ResizingLayer)
    return Resizing(node.layer)


@MODULES.register("center_crop")
def _center_crop(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, CenterCropLayer)
    return CenterCrop(node.layer.height, node.layer.width)
