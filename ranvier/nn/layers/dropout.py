"""Dropout of more than single numbers.

B batch, C features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import CodeDropout as CodeDropoutLayer
from ranvier.spec import Dropout as DropoutLayer
from ranvier.spec import DropPath as DropPathLayer
from ranvier.spec import FeatureAlphaDropout as FeatureAlphaDropoutLayer
from ranvier.spec import Node


class SharedDropout(nn.Module):
    """torch's dropout where one draw holds for several numbers of a sample.

    `mask` is the shape of a sample's draws: 1 along the axes where one holds for all.

    Shapes: [B, ...] -> the same.
    """

    def __init__(self, rate: float, mask: Shape) -> None:
        super().__init__()
        self.rate = rate
        self.mask = mask

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return input
        return input * F.dropout(input.new_ones(input.shape[0], *self.mask), self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}, mask={self.mask}"


class FeatureAlphaDropout(nn.FeatureAlphaDropout):
    """torch's alpha dropout of whole features, the features last.

    Shapes: [B, ..., C] -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(-1, 1)).movedim(1, -1)


class CodeDropout(nn.Module):
    """`code` in the place of each number with probability `rate`, in training.

    Shapes: [B, ...] -> the same.
    """

    def __init__(self, layer: CodeDropoutLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        forgotten = torch.rand(input.shape, device=input.device) < self.layer.rate
        return input.masked_fill(forgotten, self.layer.code)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("dropout")
def _dropout(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DropoutLayer)
    return SharedDropout(node.layer.rate, node.layer.mask_shape(node.inputs[0]))


@MODULES.register("drop_path")
def _drop_path(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DropPathLayer)
    return SharedDropout(node.layer.rate, (1,) * len(node.inputs[0]))


@MODULES.register("feature_alpha_dropout")
def _feature_alpha_dropout(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, FeatureAlphaDropoutLayer)
    return FeatureAlphaDropout(node.layer.rate)


@MODULES.register("code_dropout")
def _code_dropout(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, CodeDropoutLayer)
    return CodeDropout(node.layer)
