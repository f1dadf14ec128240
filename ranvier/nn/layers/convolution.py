"""torch's convolutions with the features last, followed by an activation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.activation import function_of
from ranvier.nn.layers.spatial import features_last, features_second, for_view, padded
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Conv as ConvLayer
from ranvier.spec import ConvTranspose as ConvTransposeLayer
from ranvier.spec import DepthwiseConv as DepthwiseConvLayer
from ranvier.spec import Layer, Node


class Conv(Streams):
    """a = f(W ∗ x + b), in one, two or three axes.

    Shapes: [B, *places, features] -> [B, *places, filters].
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: ConvLayer, shape: Shape) -> None:
        super().__init__()
        allocate(self, layer, shape)
        self.layer = layer
        self.axes = len(shape) - 1
        self.window = layer.window(self.axes)
        self.function = function_of(layer.activation)
        self.convolve = F.conv3d if self.axes == 3 else F.conv2d
        self.stride = for_view(self.window.stride, 1)
        self.dilation = for_view(self.window.dilation, 1)
        pads = for_view(self.window.pads(shape[:-1]), (0, 0))
        self.pads = pads if self.window.pads_alike else None
        # Along more axes there is no time, and nothing that comes later.
        self.looks_ahead = self.axes == 1 and not (self.is_causal or self.window.moves_nothing)

    @property
    def is_causal(self) -> bool:
        """Whether no place sees a later one."""
        return self.window.padding == "causal"

    def forward(self, input: Tensor) -> Tensor:
        if self.carry is not None and self.axes == 1 and self.is_causal:
            return self._goes_on(input)
        pads = self.pads or for_view(self.window.pads(input.shape[1:-1]), (0, 0))
        view = features_second(input)
        mode = self.layer.padding_mode
        if mode == "zeros" and all(before == after for before, after in pads):
            return self._applied(view, tuple(before for before, _ in pads))
        return self._applied(padded(view, pads, "constant" if mode == "zeros" else mode))

    def _applied(self, view: Tensor, padding: tuple[int, ...] | int = 0) -> Tensor:
        weight = self.weight.unsqueeze(2) if self.axes == 1 else self.weight
        made = self.convolve(
            view, weight, self.bias, self.stride, padding, self.dilation, self.layer.groups
        )
        return self.function(features_last(made, self.axes))

    def _goes_on(self, input: Tensor) -> Tensor:
        """The piece, after the places that its first windows begin with."""
        assert self.carry is not None
        (span,), (stride,) = self.window.spans, self.window.stride
        context, skip = self.carry.state or (_places(input, span - 1), 0)
        known = torch.cat([context, input[:, skip:]], dim=1)
        made = max(0, (known.shape[1] - span) // stride + 1)
        used = made * stride
        # A stride wider than the window leaves out places that are still to come.
        left_out = max(0, skip - input.shape[1]) + max(0, used - known.shape[1])
        self.carry.state = known[:, used:].detach(), left_out
        if made == 0:
            return self._applied(features_second(_places(input, span)))[:, :0]
        return self._applied(features_second(known))

    def extra_repr(self) -> str:
        return repr(self.layer)


class ConvTranspose(Streams):
    """a = f(Wᵀ ∗ x + b): every place writes a kernel's worth of places.

    Shapes: [B, *places, features] -> [B, *places, filters].
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: ConvTransposeLayer, shape: Shape) -> None:
        super().__init__()
        allocate(self, layer, shape)
        self.layer = layer
        self.axes = len(shape) - 1
        window, widenings = layer.window(self.axes), layer.widenings(self.axes)
        self.function = function_of(layer.activation)
        self.convolve = F.conv_transpose3d if self.axes == 3 else F.conv_transpose2d
        self.stride = for_view(window.stride, 1)
        self.dilation = for_view(window.dilation, 1)
        # torch cuts as much off at the end as at the start, and gives some of it back.
        more = [wide.before - wide.after + wide.extra for wide in widenings]
        self.padding = for_view([wide.before for wide in widenings], 0)
        self.output_padding = for_view([max(0, count) for count in more], 0)
        self.too_many = [max(0, -count) for count in more]
        self.looks_ahead = self.axes == 1 and not window.moves_nothing

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight.unsqueeze(2) if self.axes == 1 else self.weight
        made = self.convolve(
            features_second(input),
            weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.layer.groups,
            self.dilation,
        )
        output = features_last(made, self.axes)
        for axis, count in enumerate(self.too_many, start=1):
            if count:
                output = output.narrow(axis, 0, output.shape[axis] - count)
        return self.function(output)

    def extra_repr(self) -> str:
        return repr(self.layer)


def _places(like: Tensor, count: int) -> Tensor:
    """So many places of zeros."""
    return like.new_zeros(like.shape[0], count, like.shape[-1])


def allocate(module: nn.Module, layer: Layer, shape: Shape) -> None:
    """Register the parameters that the layer describes, and None for a bias that it has not."""
    described = layer.parameters(shape)
    for name, parameter in described.items():
        module.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))
    if "bias" not in described:
        module.register_parameter("bias", None)


@MODULES.register("conv")
def _conv(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ConvLayer)
    return Conv(node.layer, node.inputs[0])


@MODULES.register("depthwise_conv")
def _depthwise_conv(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DepthwiseConvLayer)
    return Conv(node.layer.on(node.inputs[0][-1]), node.inputs[0])


@MODULES.register("conv_transpose")
def _conv_transpose(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ConvTransposeLayer)
    return ConvTranspose(node.layer, node.inputs[0])
