"""Attention whose scores a small network gives.

B batch, T places of the query, S of the memory, C and M their features, U units.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import AdditiveAttention as AdditiveLayer
from ranvier.spec import Node


class AdditiveAttention(nn.Module):
    """softmax(wᵀ tanh(W_q x + W_k m + b)) m.

    Shapes: [B, T, C], [B, S, M], [B, S] -> [B, T, M].
    """

    query_weight: Tensor
    key_weight: Tensor
    score_weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: AdditiveLayer, inputs: tuple[Shape, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.register_parameter("bias", None)
        for name, parameter in layer.parameters(*inputs).items():
            self.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        queries_BT1U = F.linear(query, self.query_weight, self.bias).unsqueeze(2)
        keys_B1SU = F.linear(memory, self.key_weight).unsqueeze(1)
        scores_BTS = torch.tanh(queries_BT1U + keys_B1SU) @ self.score_weight
        if mask is not None:
            real_B1S = (mask != 0).unsqueeze(1)
            # The softmax of a row without any place would be NaN, and so would its gradient.
            scores_BTS = scores_BTS.masked_fill(~real_B1S, torch.finfo(scores_BTS.dtype).min)
        weights_BTS = torch.softmax(scores_BTS, dim=-1)
        if mask is not None:
            weights_BTS = weights_BTS.masked_fill(~real_B1S, 0.0)
        return F.dropout(weights_BTS, self.layer.dropout, self.training) @ memory

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("additive_attention")
def _additive(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AdditiveLayer)
    return AdditiveAttention(node.layer, node.inputs)
