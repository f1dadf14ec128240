"""Weights are put back into a set after every update: the step calls `constrain_`."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import torch
from torch import Tensor, nn

from ranvier.nn.layers.wrappers import Around, weights_inside
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Constrained as ConstrainedLayer
from ranvier.spec import Node

# Below this a norm counts as zero: such a weight has no direction that could be kept.
_TINY = 1e-12


def _norms(weight: Tensor) -> Tensor:
    """The norm of what goes into each unit, along the first axis."""
    rest = tuple(range(1, weight.dim()))
    return torch.linalg.vector_norm(weight, dim=rest, keepdim=True)


def _max_norm(weight: Tensor, values: dict[str, float]) -> Tensor:
    return weight * (values["limit"] / _norms(weight).clamp_min(_TINY)).clamp_max(1.0)


def _min_max_norm(weight: Tensor, values: dict[str, float]) -> Tensor:
    norms = _norms(weight)
    wanted = norms.clamp(values["low"], values["high"])
    return torch.lerp(weight, weight * (wanted / norms.clamp_min(_TINY)), values["rate"])


PROJECTIONS: dict[str, Callable[[Tensor, dict[str, float]], Tensor]] = {
    "max_norm": _max_norm,
    "min_max_norm": _min_max_norm,
    "non_negative": lambda weight, _: weight.clamp_min(0.0),
    "unit_norm": lambda weight, _: weight / _norms(weight).clamp_min(_TINY),
}
"""The nearest weights in each set, by the name of the constraint."""


class Constrained(Around):
    """Calls the module inside; `constrain_` puts its weights back into their set."""

    def __init__(self, layer: nn.Module, node: Node, described: ConstrainedLayer) -> None:
        super().__init__(layer)
        self.described = described
        everything = [f"layer.{name}" for name, _ in layer.named_parameters()]
        is_elementwise = described.constraint == "non_negative"
        self.weights = everything if is_elementwise else weights_inside(node)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Put every weight back, in place."""
        project = PROJECTIONS[self.described.constraint]
        values = {name: float(value) for name, value in self.described.values}
        for path in self.weights:
            weight = attrgetter(path)(self)
            weight.copy_(project(weight, values))

    def extra_repr(self) -> str:
        return self.described.label()


@MODULES.register("constrained")
def _make(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, ConstrainedLayer)
    return Constrained(children["layer"], node, node.layer)
