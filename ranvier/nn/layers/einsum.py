"""A dense layer between any axes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.activation import function_of
from ranvier.nn.layers.convolution import allocate
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import EinsumDense as EinsumDenseLayer
from ranvier.spec import Node


class EinsumDense(nn.Module):
    """a = f(einsum(x, W) + b)."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: EinsumDenseLayer, shape: Shape) -> None:
        super().__init__()
        allocate(self, layer, shape)
        self.layer = layer
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor) -> Tensor:
        made = torch.einsum(self.layer.subscripts, input, self.weight)
        return self.function(made if self.bias is None else made + self.bias)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("einsum_dense")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, EinsumDenseLayer)
    return EinsumDense(node.layer, node.inputs[0])
