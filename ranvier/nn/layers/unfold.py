"""torch's unfold and fold with the features last, for one axis and for two."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.spatial import features_last, features_second, for_view, padded
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Fold as FoldLayer
from ranvier.spec import Node
from ranvier.spec import Unfold as UnfoldLayer
from ranvier.spec.layers.spatial import spread


class Unfold(Streams):
    """[B, *places, features] -> [B, *stands, features · k]."""

    def __init__(self, layer: UnfoldLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.axes = axes
        self.window = layer.window(axes)
        self.looks_ahead = axes == 1 and not self.window.moves_nothing

    def forward(self, input: Tensor) -> Tensor:
        window, places = self.window, input.shape[1:-1]
        view = padded(features_second(input), for_view(window.pads(places), (0, 0)))
        size, stride, dilation = (
            for_view(each, 1) for each in (window.size, window.stride, window.dilation)
        )
        columns = F.unfold(view, size, dilation=dilation, stride=stride)
        return columns.transpose(1, 2).unflatten(1, window.output(places))

    def extra_repr(self) -> str:
        return repr(self.layer)


class Fold(Streams):
    """[B, *stands, features · k] -> [B, *places, features]."""

    def __init__(self, layer: FoldLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.axes = axes
        self.window = layer.window(axes)
        self.places: Shape = spread(layer.places, axes)
        self.pads = self.window.pads(self.places)
        padded_places = [
            n + before + after for n, (before, after) in zip(self.places, self.pads, strict=True)
        ]
        self.padded_places = for_view(padded_places, 1)
        self.looks_ahead = axes == 1

    def forward(self, input: Tensor) -> Tensor:
        size, stride, dilation = (
            for_view(each, 1)
            for each in (self.window.size, self.window.stride, self.window.dilation)
        )
        columns = input.flatten(1, -2).transpose(1, 2)
        whole = F.fold(columns, self.padded_places, size, dilation=dilation, stride=stride)
        output = features_last(whole, self.axes)
        for axis, (n, (before, _)) in enumerate(zip(self.places, self.pads, strict=True), start=1):
            output = output.narrow(axis, before, n)
        return output

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("unfold")
def _unfold(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, UnfoldLayer)
    return Unfold(node.layer, len(node.inputs[0]) - 1)


@MODULES.register("fold")
def _fold(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, FoldLayer)
    return Fold(node.layer, len(node.inputs[0]) - 1)
