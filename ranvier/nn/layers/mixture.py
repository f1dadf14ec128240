"""A mixture of experts, all of them as one batched product.

N places of all samples, E experts, K of them asked, C features, H hidden units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.activation import function_of
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.penalties import add_penalty
from ranvier.spec import MixtureOfExperts as MixtureLayer
from ranvier.spec import Node


class MixtureOfExperts(nn.Module):
    """Σ over the K best experts of g_e Expert_e(x).

    Shapes: [B, ..., C], [B, ...] -> [B, ..., C].
    """

    gate: Tensor
    hidden_weight: Tensor
    output_weight: Tensor
    gate_weight: Tensor | None
    hidden_bias: Tensor | None
    output_bias: Tensor | None
    gate_bias: Tensor | None

    def __init__(self, layer: MixtureLayer, inputs: tuple[Shape, ...]) -> None:
        super().__init__()
        self.layer = layer
        for name in ("gate_weight", "hidden_bias", "output_bias", "gate_bias"):
            self.register_parameter(name, None)
        for name, parameter in layer.parameters(*inputs).items():
            self.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))
        self.function = function_of(layer.activation)

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        rows_NC = input.flatten(0, -2)
        logits_NE = nn.functional.linear(rows_NC, self.gate)
        shares_NE, asked_NE = self._shares(logits_NE)
        if self.training:
            self._penalise(logits_NE, asked_NE, None if mask is None else mask.flatten() != 0)
        hidden_ENH = self._hidden(rows_NC)
        # The shares go onto the hidden units, so that one sum over experts and units does the rest.
        shared_ENH = hidden_ENH * shares_NE.t().unsqueeze(2)
        mixed_NC = torch.einsum("enh,ech->nc", shared_ENH, self.output_weight)
        if self.output_bias is not None:
            mixed_NC = mixed_NC + shares_NE @ self.output_bias
        return mixed_NC.view_as(input)

    def _shares(self, logits_NE: Tensor) -> tuple[Tensor, Tensor]:
        """Each expert's weight, zero for those not asked; and which are asked."""
        best_NK, chosen_NK = logits_NE.topk(self.layer.top_k, dim=-1)
        if self.layer.top_k == 1:
            weights_NK = torch.softmax(logits_NE, dim=-1).gather(1, chosen_NK)
        else:
            weights_NK = torch.softmax(best_NK, dim=-1)
        none_NE = torch.zeros_like(logits_NE)
        asked_NE = none_NE.scatter(1, chosen_NK, 1.0)
        return none_NE.scatter(1, chosen_NK, weights_NK), asked_NE

    def _penalise(self, logits_NE: Tensor, asked_NE: Tensor, real_N: Tensor | None) -> None:
        layer = self.layer
        counts_N = torch.ones_like(logits_NE[:, 0])
        if real_N is not None:
            counts_N = real_N.to(logits_NE.dtype)
        weight_N = counts_N / counts_N.sum().clamp_min(1.0)
        if layer.balance:
            chosen_E = weight_N @ asked_NE / layer.top_k
            probable_E = weight_N @ torch.softmax(logits_NE, dim=-1)
            add_penalty(layer.balance * layer.experts * (chosen_E * probable_E).sum())
        if layer.router_z:
            add_penalty(layer.router_z * (weight_N @ logits_NE.logsumexp(dim=-1).square()))

    def _hidden(self, rows_NC: Tensor) -> Tensor:
        hidden_ENH = _mapped(rows_NC, self.hidden_weight, self.hidden_bias)
        if self.gate_weight is None:
            return self.function(hidden_ENH)
        return self.function(_mapped(rows_NC, self.gate_weight, self.gate_bias)) * hidden_ENH

    def extra_repr(self) -> str:
        return repr(self.layer)


def _mapped(rows_NC: Tensor, weight_EHC: Tensor, bias_EH: Tensor | None) -> Tensor:
    """Every expert's map of every row: [N, C] -> [E, N, H]."""
    product_ENH = torch.matmul(rows_NC, weight_EHC.mT)
    return product_ENH if bias_EH is None else product_ENH + bias_EH.unsqueeze(1)


@MODULES.register("mixture_of_experts")
def _mixture(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MixtureLayer)
    return MixtureOfExperts(node.layer, node.inputs)
