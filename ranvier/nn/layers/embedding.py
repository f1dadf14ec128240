"""torch's embedding for codes that come as floats, as a column of a table does."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Embedding as EmbeddingLayer
from ranvier.spec import EmbeddingBag as EmbeddingBagLayer
from ranvier.spec import Node


class Embedding(nn.Embedding):
    """Looks codes up, whatever number type they come in.

    Shapes: [...] -> [..., units].
    """

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.long())


@MODULES.register("embedding")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, EmbeddingLayer)
    return Embedding(node.layer.categories, node.layer.units)


class EmbeddingBag(nn.EmbeddingBag):
    """Looks a bag of codes up, whatever number type they come in.

    Shapes: [B, T] -> [B, units].
    """

    def forward(self, input: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(input.long())


@MODULES.register("embedding_bag")
def _make_bag(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, EmbeddingBagLayer)
    return EmbeddingBag(layer.categories, layer.units, mode=layer.mode, padding_idx=layer.padding)
