"""torch's linear map followed by an activation."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.activation import function_of
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Dense as DenseLayer
from ranvier.spec import Node


class Dense(nn.Linear):
    """a = f(W x + b), so that what the layer gives is the activation itself.

    Shapes: [..., in_features] -> [..., out_features].
    """

    def __init__(self, layer: DenseLayer, in_features: int) -> None:
        super().__init__(in_features, layer.units, layer.bias)
        self.layer = layer
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor) -> Tensor:
        return self.function(F.linear(input, self.weight, self.bias))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.layer.activation!r}"


@MODULES.register("dense")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DenseLayer)
    return Dense(node.layer, node.inputs[0][-1])
