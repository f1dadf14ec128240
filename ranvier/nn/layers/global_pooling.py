"""Pooling over all places, with or without a mask of those that are real.

Places are laid in one row first: [B, T, C], masks [B, T].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.convolution import allocate
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import AttentionPool as AttentionLayer
from ranvier.spec import GlobalAveragePool as AverageLayer
from ranvier.spec import GlobalMaxPool as MaxLayer
from ranvier.spec import Node


class GlobalPool(Streams):
    """One number of all places, feature by feature.

    Shapes: [B, *places, C], [B, *places] -> [B, C].
    """

    looks_ahead = True

    def __init__(self, layer: MaxLayer | AverageLayer, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        self.kept = (1,) * (len(shape) - 1) if layer.keep_axes else ()

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        input_BTC = input.flatten(1, -2)
        if mask is None:
            output = self.of_all(input_BTC)
        else:
            output = self.of_real(input_BTC, (mask != 0).flatten(1).unsqueeze(-1))
        return output.unflatten(0, (-1, *self.kept)) if self.kept else output

    def of_all(self, input_BTC: Tensor) -> Tensor:
        """What is made of every place."""
        raise NotImplementedError

    def of_real(self, input_BTC: Tensor, real_BT1: Tensor) -> Tensor:
        """What is made of the places that are real; zero where none is."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return repr(self.layer)


class GlobalMaxPool(GlobalPool):
    """The largest number of all places."""

    def of_all(self, input_BTC: Tensor) -> Tensor:
        return input_BTC.amax(1)

    def of_real(self, input_BTC: Tensor, real_BT1: Tensor) -> Tensor:
        largest_BC = input_BTC.masked_fill(~real_BT1, -torch.inf).amax(1)
        return largest_BC.masked_fill(~real_BT1.any(1), 0.0)


class GlobalAveragePool(GlobalPool):
    """The mean of all places."""

    def of_all(self, input_BTC: Tensor) -> Tensor:
        return input_BTC.mean(1)

    def of_real(self, input_BTC: Tensor, real_BT1: Tensor) -> Tensor:
        count_B1 = real_BT1.sum(1).clamp_min(1).to(input_BTC.dtype)
        return input_BTC.masked_fill(~real_BT1, 0.0).sum(1) / count_B1


class AttentionPool(Streams):
    """The mean of all places, weighted by how they answer a learnt query.

    Shapes: [B, *places, C], [B, *places] -> [B, C].
    """

    query: Tensor
    looks_ahead = True

    def __init__(self, layer: AttentionLayer, shape: Shape) -> None:
        super().__init__()
        allocate(self, layer, shape)
        self.scale = 1 / math.sqrt(shape[-1])

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        input_BTC = input.flatten(1, -2)
        score_BT = input_BTC @ (self.query * self.scale)
        if mask is not None:
            # The least finite number, so that a sample without a real place stays finite.
            least = torch.finfo(score_BT.dtype).min
            score_BT = score_BT.masked_fill(mask.flatten(1) == 0, least)
        weight_BT = score_BT.softmax(-1)
        return (weight_BT.unsqueeze(1) @ input_BTC).squeeze(1)


@MODULES.register("global_max_pool")
def _max(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MaxLayer)
    return GlobalMaxPool(node.layer, node.inputs[0])


@MODULES.register("global_average_pool")
def _average(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AverageLayer)
    return GlobalAveragePool(node.layer, node.inputs[0])


@MODULES.register("attention_pool")
def _attention(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AttentionLayer)
    return AttentionPool(node.layer, node.inputs[0])
