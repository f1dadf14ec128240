"""Waves of numbers and of places on a grid.

B batch, T places, C features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.nn.layers.relative import angles, counting
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import GridPositions as GridLayer
from ranvier.spec import Node
from ranvier.spec import SinusoidalEmbedding as EmbeddingLayer


class SinusoidalEmbedding(nn.Module):
    """[cos tω; sin tω] of every number t.

    Shapes: [B, ...] -> [B, ..., units].
    """

    def __init__(self, layer: EmbeddingLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        # Half precision cannot tell a thousand steps apart.
        exact = input.to(torch.promote_types(input.dtype, torch.float32))
        angle = angles(exact, self.layer.units // 2, self.layer.base)
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        return waves.to(input.dtype) if input.is_floating_point() else waves

    def extra_repr(self) -> str:
        return repr(self.layer)


class GridPositions(Streams):
    """x[t] + [sin xω; cos xω; sin yω; cos yω].

    Shapes: [B, T, C] -> the same.
    """

    # The places are those of a whole picture.
    looks_ahead = True

    def __init__(self, layer: GridLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        _, length, features = input.shape
        columns = self.layer.columns
        rows = length // columns
        across = self._waves(counting(input, 0, columns), features).repeat(rows, 1)
        down = self._waves(counting(input, 0, rows), features).repeat_interleave(columns, 0)
        return input + torch.cat([across, down], dim=-1).to(input.dtype)

    def _waves(self, places: Tensor, features: int) -> Tensor:
        angle = angles(places, features // 4, self.layer.base)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("sinusoidal_embedding")
def _sinusoidal_embedding(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, EmbeddingLayer)
    return SinusoidalEmbedding(node.layer)


@MODULES.register("grid_positions")
def _grid_positions(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, GridLayer)
    return GridPositions(node.layer)
