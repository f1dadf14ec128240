"""Batch normalisation with the features last."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import BatchNorm as BatchNormLayer
from ranvier.spec import Node


class BatchNorm(nn.BatchNorm1d):
    """torch's batch normalisation over all axes but the last.

    Shapes: [..., features] -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() == 2:
            return super().forward(input)
        return super().forward(input.reshape(-1, input.shape[-1])).reshape(input.shape)


@MODULES.register("batch_norm")
def _make(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, BatchNormLayer)
    return BatchNorm(
        node.inputs[0][-1], eps=layer.epsilon, momentum=layer.momentum, affine=layer.affine
    )
