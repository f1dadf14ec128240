"""Arranging numbers anew: views where torch can."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Node
from ranvier.spec import Permute as PermuteLayer
from ranvier.spec import RepeatVector as RepeatVectorLayer
from ranvier.spec import Reshape as ReshapeLayer
from ranvier.spec import Slice as SliceLayer


class Reshape(nn.Module):
    """[B, ...] -> [B, *shape]."""

    def __init__(self, layer: ReshapeLayer) -> None:
        super().__init__()
        assert isinstance(layer.shape, tuple)
        self.shape = layer.shape

    def forward(self, input: Tensor) -> Tensor:
        return input.reshape(input.shape[0], *self.shape)

    def extra_repr(self) -> str:
        return str(self.shape)


class Permute(nn.Module):
    """The axes of a sample in another order; a view."""

    def __init__(self, layer: PermuteLayer) -> None:
        super().__init__()
        self.order = layer.order
        self.axes = (0, *(axis + 1 for axis in layer.order))

    def forward(self, input: Tensor) -> Tensor:
        return input.permute(self.axes)

    def extra_repr(self) -> str:
        return str(self.order)


class RepeatVector(nn.Module):
    """[B, C] -> [B, T, C], the same at every place; nothing is copied."""

    def __init__(self, layer: RepeatVectorLayer) -> None:
        super().__init__()
        self.times = layer.times

    def forward(self, input: Tensor) -> Tensor:
        return input.unsqueeze(1).expand(-1, self.times, -1)

    def extra_repr(self) -> str:
        return str(self.times)


class Slice(Streams):
    """A stretch of places along an axis; a view."""

    def __init__(self, layer: SliceLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        axis = layer.axis % axes
        kept = slice(layer.start, layer.stop, layer.step)
        self.index = (slice(None),) * (axis + 1) + (kept,)
        # A position along a sequence is another one in each piece of it.
        self.looks_ahead = axis == 0 and axes == 2 and kept != slice(0, None, 1)

    def forward(self, input: Tensor) -> Tensor:
        return input[self.index]

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("reshape")
def _reshape(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ReshapeLayer)
    return Reshape(node.layer)


@MODULES.register("permute")
def _permute(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PermuteLayer)
    return Permute(node.layer)


@MODULES.register("repeat_vector")
def _repeat_vector(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, RepeatVectorLayer)
    return RepeatVector(node.layer)


@MODULES.register("slice")
def _slice(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, SliceLayer)
    return Slice(node.layer, len(node.inputs[0]))
