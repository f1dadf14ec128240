"""torch's interpolation and its shuffling of features and places, with the features last."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.spatial import features_last, features_second
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Node
from ranvier.spec import PixelShuffle as PixelShuffleLayer
from ranvier.spec import PixelUnshuffle as PixelUnshuffleLayer
from ranvier.spec import Upsample as UpsampleLayer

MODES = {"linear": ("linear", "bilinear", "trilinear"), "cubic": ("", "bicubic", "")}


class Upsample(Streams):
    """torch's interpolation between places.

    Shapes: [B, *places, features] -> [B, *places, features].
    """

    def __init__(self, layer: UpsampleLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.mode = MODES[layer.mode][axes - 1] if layer.mode in MODES else layer.mode
        self.align_corners = layer.align_corners if layer.mode in MODES else None
        self.scale = layer.scale if layer.scale is None else _per_axis(layer.scale, axes)
        copies_whole_places = layer.mode == "nearest" and layer.size is None
        self.looks_ahead = axes == 1 and not copies_whole_places

    def forward(self, input: Tensor) -> Tensor:
        places = self.layer.places(tuple(input.shape[1:-1]))
        # The scale goes with the size, as size / n differs from it where it is rounded down.
        size, scale = (None, self.scale) if self.scale is not None else (list(places), None)
        view = F.interpolate(input.movedim(-1, 1), size, scale, self.mode, self.align_corners)
        return view.movedim(1, -1)

    def extra_repr(self) -> str:
        return repr(self.layer)


def _per_axis(scale: float | tuple[float, ...], axes: int) -> list[float]:
    return list(scale) if isinstance(scale, tuple) else [scale] * axes


class PixelShuffle(nn.Module):
    """[B, H, W, r² C] -> [B, rH, rW, C]."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, input: Tensor) -> Tensor:
        return features_last(F.pixel_shuffle(features_second(input), self.factor), 2)

    def extra_repr(self) -> str:
        return str(self.factor)


class PixelUnshuffle(PixelShuffle):
    """[B, rH, rW, C] -> [B, H, W, r² C]."""

    def forward(self, input: Tensor) -> Tensor:
        return features_last(F.pixel_unshuffle(features_second(input), self.factor), 2)


@MODULES.register("upsample")
def _upsample(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, UpsampleLayer)
    return Upsample(node.layer, len(node.inputs[0]) - 1)


@MODULES.register("pixel_shuffle")
def _pixel_shuffle(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PixelShuffleLayer)
    return PixelShuffle(node.layer.factor)


@MODULES.register("pixel_unshuffle")
def _pixel_unshuffle(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PixelUnshuffleLayer)
    return PixelUnshuffle(node.layer.factor)
