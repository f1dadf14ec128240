"""torch's embedding for codes that come as floats, as a column of a table does."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Embedding as EmbeddingLayer
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
