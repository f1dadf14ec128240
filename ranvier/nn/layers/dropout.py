"""Dropout of more than single numbers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import DropPath as DropPathLayer
from ranvier.spec import Node


class DropPath(nn.Module):
    """Silences whole samples in training: torch's dropout draws one number for each.

    Shapes: [B, ...] -> the same.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return input
        ones = input.new_ones(input.shape[0], *[1] * (input.dim() - 1))
        return input * F.dropout(ones, self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


@MODULES.register("drop_path")
def _drop_path(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DropPathLayer)
    return DropPath(node.layer.rate)
