"""Positions and the class token on torch operations; in `streaming` the places count on.

B batch, T places, C features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.core.errors import ShapeError
from ranvier.nn.layers.relative import angles, counting
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import ClassToken as ClassTokenLayer
from ranvier.spec import Node
from ranvier.spec import PositionEmbedding as PositionEmbeddingLayer
from ranvier.spec import SinusoidalPositions as SinusoidalLayer


class Placed(Streams):
    """A module that knows the place of what comes; `carry.state` counts the places so far."""

    def start(self, length: int) -> int:
        """The place of the first of the `length` that come now."""
        if self.carry is None:
            return 0
        start = self.carry.state or 0
        self.carry.state = start + length
        return start


class SinusoidalPositions(Placed):
    """x[t] + [sin tθ₀, cos tθ₀, sin tθ₁, …], θᵢ = base^(−2i/C).

    Shapes: [B, T, C] -> the same.
    """

    def __init__(self, layer: SinusoidalLayer) -> None:
        super().__init__()
        self.base = layer.base

    def forward(self, input: Tensor) -> Tensor:
        _, length, features = input.shape
        places = counting(input, self.start(length), length)
        angle = angles(places, features // 2, self.base)
        waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
        return input + waves.to(input.dtype)

    def extra_repr(self) -> str:
        return f"base={self.base:g}"


class PositionEmbedding(Placed):
    """x[t] + P[t].

    Shapes: [B, T, C] -> the same.
    """

    def __init__(self, layer: PositionEmbeddingLayer, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(layer.max_length, features))

    def forward(self, input: Tensor) -> Tensor:
        length, most = input.shape[1], self.weight.shape[0]
        start = self.start(length)
        if start + length > most:
            raise ShapeError(
                f"PositionEmbedding: got a sequence of {start + length} places; expected at most "
                f"{most}, its max_length. Feed a shorter one, or build it for longer ones."
            )
        return input + self.weight[start : start + length]

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.weight.shape)


class ClassToken(Placed):
    """[c; x], along the places.

    Shapes: [B, T, C] -> [B, T + 1, C].
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features))

    def forward(self, input: Tensor) -> Tensor:
        if self.start(input.shape[1]) > 0:
            return input
        token = self.weight.expand(input.shape[0], 1, -1).to(input.dtype)
        return torch.cat([token, input], dim=1)


@MODULES.register("sinusoidal_positions")
def _sinusoidal(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, SinusoidalLayer)
    return SinusoidalPositions(node.layer)


@MODULES.register("position_embedding")
def _position_embedding(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PositionEmbeddingLayer)
    return PositionEmbedding(node.layer, node.inputs[0][1])


@MODULES.register("class_token")
def _class_token(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ClassTokenLayer)
    return ClassToken(node.inputs[0][1])
