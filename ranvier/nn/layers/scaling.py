"""Features scaled by learnt numbers, or by numbers that are made of a condition.

B batch, C features, D numbers of the condition.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import AdaptiveNorm as AdaptiveNormLayer
from ranvier.spec import AdaptiveScale as AdaptiveScaleLayer
from ranvier.spec import LayerScale as LayerScaleLayer
from ranvier.spec import Node


class LayerScale(nn.Module):
    """γ ⊙ x.

    Shapes: [B, ..., C] -> the same.
    """

    def __init__(self, layer: LayerScaleLayer, features: int) -> None:
        super().__init__()
        self.layer = layer
        self.weight = nn.Parameter(torch.empty(features))

    def forward(self, input: Tensor) -> Tensor:
        return input * self.weight

    def extra_repr(self) -> str:
        return repr(self.layer)


class AdaptiveScale(nn.Module):
    """(W c + b) ⊙ x.

    Shapes: [B, ..., C], [B, D] -> [B, ..., C].
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: AdaptiveScaleLayer | AdaptiveNormLayer, *shapes: Shape) -> None:
        super().__init__()
        self.layer = layer
        for name, described in layer.parameters(*shapes).items():
            self.register_parameter(name, nn.Parameter(torch.empty(described.shape)))

    def forward(self, input: Tensor, condition: Tensor) -> Tensor:
        return input * _beside(F.linear(condition, self.weight, self.bias), input)

    def extra_repr(self) -> str:
        return repr(self.layer)


class AdaptiveNorm(AdaptiveScale):
    """(1 + s) ⊙ norm(x) + t, [t; s] = W c + b.

    Shapes: [B, ..., C], [B, D] -> [B, ..., C].
    """

    layer: AdaptiveNormLayer

    def forward(self, input: Tensor, condition: Tensor) -> Tensor:
        asked = _beside(F.linear(condition, self.weight, self.bias), input)
        shift, scale = asked.chunk(2, dim=-1)
        normal = F.layer_norm(input, input.shape[-1:], eps=self.layer.epsilon)
        return torch.addcmul(shift, normal, 1 + scale)


def _beside(numbers_BC: Tensor, input: Tensor) -> Tensor:
    """A sample's numbers, the same at all its places."""
    return numbers_BC.unflatten(0, (-1, *(1,) * (input.dim() - 2)))


@MODULES.register("layer_scale")
def _layer_scale(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, LayerScaleLayer)
    return LayerScale(node.layer, node.inputs[0][-1])


@MODULES.register("adaptive_norm")
def _adaptive_norm(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AdaptiveNormLayer)
    return AdaptiveNorm(node.layer, *node.inputs)


@MODULES.register("adaptive_scale")
def _adaptive_scale(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AdaptiveScaleLayer)
    return AdaptiveScale(node.layer, *node.inputs)
