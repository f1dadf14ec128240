"""Embeddings of numbers on torch operations.

B batch, N columns, T waves or bins, U features per column.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ranvier.nn.activation import function_of
from ranvier.nn.build import MODULES, Children
from ranvier.spec import Node
from ranvier.spec.numbers import PeriodicEmbedding as PeriodicLayer
from ranvier.spec.numbers import PiecewiseEmbedding as PiecewiseLayer


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
    """f(V p(x) + d) for every column, p the share of each bin that the number has gone through.

    Shapes: [B, N] -> [B, N · U].
    """

    left: Tensor
    width: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, layer: PiecewiseLayer) -> None:
        super().__init__()
        columns, bins = len(layer.edges), layer.bins
        left = torch.zeros(columns, bins)
        width = torch.ones(columns, bins)
        # A bin that only other columns have is held at zero.
        low, high = torch.zeros(columns, bins), torch.zeros(columns, bins)
        for column, edges in enumerate(layer.edges):
            rising = torch.tensor(edges, dtype=torch.float64)
            own = len(edges) - 1
            left[column, :own] = rising[:-1].to(left.dtype)
            width[column, :own] = rising.diff().to(left.dtype)
            high[column, :own] = 1.0
            low[column, 0] = -math.inf
            high[column, own - 1] = math.inf
        for name, values in (("left", left), ("width", width), ("low", low), ("high", high)):
            self.register_buffer(name, values, persistent=False)
        self.weight = nn.Parameter(torch.empty(columns, layer.units, bins))
        self.bias = nn.Parameter(torch.empty(columns, layer.units))
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor) -> Tensor:
        share_BNT = (input.unsqueeze(-1) - self.left) / self.width
        share_BNT = torch.minimum(torch.maximum(share_BNT, self.low), self.high)
        mixed_BNU = torch.einsum("bnt,nut->bnu", share_BNT, self.weight) + self.bias
        return self.function(mixed_BNU).flatten(1)


@MODULES.register("periodic_embedding")
def _periodic(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PeriodicLayer)
    return PeriodicEmbedding(node.layer, node.inputs[0][0])


@MODULES.register("piecewise_embedding")
def _piecewise(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PiecewiseLayer)
    return PiecewiseEmbedding(node.layer)
