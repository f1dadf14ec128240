"""Places put around what comes, or cut off."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.spatial import features_last, features_second, for_view, padded
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Crop as CropLayer
from ranvier.spec import Node
from ranvier.spec import Pad as PadLayer
from ranvier.spec.layers.padding import ends


class Pad(Streams):
    """torch's padding with the features last.

    Shapes: [B, *places, features] -> the same, with more places.
    """

    def __init__(self, layer: PadLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.axes = axes
        self.pads = for_view(ends(layer.amount, axes), (0, 0))
        # The pad would come again with every piece of a sequence.
        self.looks_ahead = axes == 1

    def forward(self, input: Tensor) -> Tensor:
        view = padded(features_second(input), self.pads, self.layer.mode, self.layer.value)
        return features_last(view, self.axes)

    def extra_repr(self) -> str:
        return repr(self.layer)


class Crop(Streams):
    """The places between the ends that are cut off; a view.

    Shapes: [B, *places, features] -> the same, with fewer places.
    """

    def __init__(self, layer: CropLayer, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        self.ends = ends(layer.amount, len(shape) - 1)
        self.looks_ahead = len(shape) == 2

    def forward(self, input: Tensor) -> Tensor:
        kept = input
        for axis, (before, after) in enumerate(self.ends, start=1):
            kept = kept.narrow(axis, before, kept.shape[axis] - before - after)
        return kept

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("pad")
def _pad(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PadLayer)
    return Pad(node.layer, len(node.inputs[0]) - 1)


@MODULES.register("crop")
def _crop(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, CropLayer)
    return Crop(node.layer, node.inputs[0])
