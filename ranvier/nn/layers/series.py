"""What forecasting networks are joined by: reversible normalisation, bases, doubly residual rows.

B batch, L places of the past, H of the future, C series.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ranvier.nn.graph import Wired
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import BasisExpansion as BasisExpansionLayer
from ranvier.spec import Node
from ranvier.spec import ReversibleNorm as ReversibleNormLayer


class ReversibleNorm(Wired):
    """σ F((x − μ) / σ) + μ, μ and σ over the places of each series.

    Shapes: [B, L, C] -> [B, H, C].
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, node: Node, children: Children) -> None:
        super().__init__(node, children)
        assert isinstance(node.layer, ReversibleNormLayer)
        self.epsilon = node.layer.epsilon
        for name in ("weight", "bias"):
            learnt = node.parameters.get(name)
            self.register_parameter(
                name, None if learnt is None else nn.Parameter(torch.empty(learnt.shape))
            )

    def forward(self, *signals: Tensor) -> Tensor:
        series, *outer = signals
        level = series.mean(1, keepdim=True)
        size = (series.var(1, keepdim=True, correction=0) + self.epsilon).sqrt()
        normal = (series - level) / size
        if self.weight is not None and self.bias is not None:
            normal = normal * self.weight + self.bias
        end = super().forward(normal, *outer)
        assert isinstance(end, Tensor)
        if self.weight is not None and self.bias is not None:
            end = (end - self.bias) / self.weight
        return end * size + level

    def joined(self, *ends: Tensor) -> Tensor:
        return ends[-1]


class BasisExpansion(nn.Module):
    """θ ↦ (θᵇ Vᵇ, θᶠ Vᶠ), V known beforehand.

    Shapes: [B, coefficients] -> [B, L], [B, H].
    """

    past: Tensor
    future: Tensor

    def __init__(self, layer: BasisExpansionLayer) -> None:
        super().__init__()
        self.layer = layer
        if layer.basis == "generic":
            return
        past, future = _curves(layer)
        self.register_buffer("past", past.float(), persistent=False)
        self.register_buffer("future", future.float(), persistent=False)

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        layer = self.layer
        if layer.basis == "generic":
            return input[:, : layer.length], input[:, layer.length :]
        ahead, back = input.chunk(2, -1)
        return back @ self.past, ahead @ self.future

    def extra_repr(self) -> str:
        return repr(self.layer)


def _curves(layer: BasisExpansionLayer) -> tuple[Tensor, Tensor]:
    """The curves of the past and of the future, one per row."""
    past = torch.arange(layer.length, dtype=torch.float64)
    future = torch.arange(layer.horizon, dtype=torch.float64)
    if layer.basis == "trend":
        powers = torch.arange(layer.degree + 1, dtype=torch.float64).unsqueeze(1)
        return (past / layer.length) ** powers, (future / layer.horizon) ** powers
    # 0, then from 1 on in steps of 1 / harmonics.
    steps = torch.arange(layer.frequencies - 1, dtype=torch.float64)
    frequencies = torch.cat([torch.zeros(1, dtype=torch.float64), 1 + steps / layer.harmonics])
    turns = 2 * math.pi * frequencies.unsqueeze(1)
    both = [turns * (times / layer.horizon) for times in (past - layer.length, future)]
    past, future = (torch.cat([each.cos(), each.sin()]) for each in both)
    return past, future


class DoublyResidual(Wired):
    """(x, y) ↦ (x − b, y + f), (b, f) of the modules inside."""

    def joined(self, *ends: Tensor) -> tuple[Tensor, Tensor]:
        series, forecast, explained, ahead = ends
        return series - explained, forecast + ahead


@MODULES.register("reversible_norm")
def _reversible_norm(node: Node, children: Children) -> nn.Module:
    return ReversibleNorm(node, children)


@MODULES.register("basis_expansion")
def _basis_expansion(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, BasisExpansionLayer)
    return BasisExpansion(node.layer)


@MODULES.register("doubly_residual")
def _doubly_residual(node: Node, children: Children) -> nn.Module:
    return DoublyResidual(node, children)
