"""Modules around one module: it is called as it is, and its weights are treated anew."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Self

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.nn.penalties import add_penalty
from ranvier.spec import ActivityPenalty as ActivityPenaltyLayer
from ranvier.spec import Node
from ranvier.spec import Penalized as PenalizedLayer
from ranvier.spec.layers.wrappers import is_weight


class Around(nn.Module):
    """Calls the module inside, `layer`, with what comes."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *inputs: Tensor) -> Any:
        return self.layer(*inputs)


def weights_inside(node: Node) -> list[str]:
    """Paths, from the node on, of the weights with two axes or more below it.

    Normalisation's are scales, however many axes they have.
    """
    return [
        f"{inner.path}.{name}"[len(node.path) + bool(node.path) :]
        for inner in node.walk()
        if inner.layer.family != "normalisation"
        for name, parameter in inner.parameters.items()
        if is_weight(name, parameter)
    ]


class Frozen(Around):
    """Weights inside want no gradient, and what is inside always runs as in evaluation."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__(layer.requires_grad_(False))

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.layer.eval()
        return self


class Penalized(Around):
    """Adds l1·Σ|w| + ½ l2·Σw² + orthogonal·‖W Wᵀ − I‖² of the weights inside."""

    def __init__(self, layer: nn.Module, node: Node, described: PenalizedLayer) -> None:
        super().__init__(layer)
        self.described = described
        self.weights = weights_inside(node)

    def forward(self, *inputs: Tensor) -> Any:
        if self.training:
            for path in self.weights:
                add_penalty(self._penalty(attrgetter(path)(self)))
        return self.layer(*inputs)

    def _penalty(self, weight: Tensor) -> Tensor:
        penalty = size_penalty(weight, self.described.l1, self.described.l2)
        if self.described.orthogonal:
            penalty = penalty + self.described.orthogonal * distance_to_orthogonal(weight)
        return penalty

    def extra_repr(self) -> str:
        described = self.described
        return f"l1={described.l1}, l2={described.l2}, orthogonal={described.orthogonal}"


def size_penalty(values: Tensor, l1: float, l2: float) -> Tensor:
    """l1·Σ|v| + ½ l2·Σv²."""
    penalty = values.new_zeros(())
    if l1:
        penalty = penalty + l1 * values.abs().sum()
    if l2:
        penalty = penalty + 0.5 * l2 * values.square().sum()
    return penalty


def distance_to_orthogonal(weight: Tensor) -> Tensor:
    """‖W Wᵀ − I‖², W with a row per unit; ‖Wᵀ W − I‖² where there are more rows than columns."""
    matrix = weight.flatten(1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.t()
    identity = torch.eye(matrix.shape[0], dtype=matrix.dtype, device=matrix.device)
    return (matrix @ matrix.t() - identity).square().sum()


class ActivityPenalty(nn.Module):
    """Passes on what comes; adds its size per sample in training."""

    def __init__(self, l1: float, l2: float) -> None:
        super().__init__()
        self.l1 = l1
        self.l2 = l2

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            add_penalty(size_penalty(input, self.l1, self.l2) / input.shape[0])
        return input

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"


@MODULES.register("frozen")
def _frozen(_: Node, children: Children) -> nn.Module:
    return Frozen(children["layer"])


@MODULES.register("penalized")
def _penalized(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, PenalizedLayer)
    return Penalized(children["layer"], node, node.layer)


@MODULES.register("activity_penalty")
def _activity_penalty(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ActivityPenaltyLayer)
    return ActivityPenalty(node.layer.l1, node.layer.l2)
