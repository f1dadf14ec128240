"""Embeddings of numbers on torch operations.

B batch, N columns, T waves or bins, U features per column.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ranvier.nn.layers.activation import function_of
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec.layers.numbers import PeriodicEmbedding as PeriodicLayer
from ranvier.spec.layers.numbers import PiecewiseEmbedding as PiecewiseLayer


class PeriodicEmbedding(nn.Module):
    """[x; f(V cos(2π w x + φ) + d)] for every column.

    Shapes: [B, N] -> [B, N · U].
    """

    def __init__(self, layer: PeriodicLayer, columns: int) -> None:
        super().__init__()
        mixed, waves = layer.units - 1, layer.frequencies
        self.frequency = nn.Parameter(torch.empty(columns, waves))
        self.phase = nn.Parameter(torch.empty(columns, waves))
        self.weight = nn.Parameter(torch.empty(columns, mixed, waves))
        self.bias = nn.Parameter(torch.empty(columns, mixed))
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor) -> Tensor:
        numbers_BN1 = input.unsqueeze(-1)
        waves_BNT = torch.cos(2 * math.pi * self.frequency * numbers_BN1 + self.phase)
        mixed_BNU = torch.einsum("bnt,nut->bnu", waves_BNT, self.weight) + self.bias
        return torch.cat([numbers_BN1, self.function(mixed_BNU)], dim=-1).flatten(1)


class PiecewiseEmbedding(nn.Module):
    """f(V p(x) + s x + d) for every column, p the share of each bin that the number has gone.

    Columns come first inside, so that each one's bins meet its weights in one batched product.

    Shapes: [B, N] -> [B, N · U].
    """

    left: Tensor
    width: Tensor
    high: Tensor

    def __init__(self, layer: PiecewiseLayer) -> None:
        super().__init__()
        columns, bins = len(layer.edges), layer.bins
        left, width = torch.zeros(columns, 1, bins), torch.ones(columns, 1, bins)
        # A bin that only other columns have is held at zero.
        high = torch.zeros(columns, 1, bins)
        for column, edges in enumerate(layer.edges):
            rising = torch.tensor(edges, dtype=torch.float64)
            own = len(edges) - 1
            left[column, 0, :own] = rising[:-1].to(left.dtype)
            width[column, 0, :own] = rising.diff().to(left.dtype)
            high[column, 0, :own] = 1.0
        for name, values in (("left", left), ("width", width), ("high", high)):
            self.register_buffer(name, values, persistent=False)
        self.weight = nn.Parameter(torch.empty(columns, layer.units, bins))
        self.slope = nn.Parameter(torch.empty(columns, layer.units))
        self.bias = nn.Parameter(torch.empty(columns, layer.units))
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor) -> Tensor:
        numbers_NB1 = input.t().unsqueeze(-1)
        share_NBT = (numbers_NB1 - self.left) / self.width
        share_NBT = torch.minimum(share_NBT.clamp_min(0.0), self.high)
        line_NBU = torch.addcmul(self.bias.unsqueeze(1), numbers_NB1, self.slope.unsqueeze(1))
        curve_NBU = torch.baddbmm(line_NBU, share_NBT, self.weight.transpose(1, 2))
        return self.function(curve_NBU).transpose(0, 1).flatten(1)


@MODULES.register("periodic_embedding")
def _periodic(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PeriodicLayer)
    return PeriodicEmbedding(node.layer, node.inputs[0][0])


@MODULES.register("piecewise_embedding")
def _piecewise(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PiecewiseLayer)
    return PiecewiseEmbedding(node.layer)
