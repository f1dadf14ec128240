"""Activations as modules, and as bare functions inside the layers that end in one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Activation, Node


def _identity(values: Tensor) -> Tensor:
    return values


def _hard_sigmoid(values: Tensor) -> Tensor:
    # torch's own multiplies by a sixth rounded to float32 on the way back, in float64 as well.
    return torch.clamp(values / 6 + 0.5, 0.0, 1.0)


OWN: dict[str, Callable[[Tensor], Tensor]] = {"linear": _identity, "hard_sigmoid": _hard_sigmoid}
"""Functions that torch has not, or not exactly."""


def function_of(activation: Activation | str | None) -> Callable[[Tensor], Tensor]:
    """torch's function for a described activation, its parameters bound."""
    if activation is None:
        return _identity
    described = Activation(activation) if isinstance(activation, str) else activation
    record = described.record
    if described.function in OWN:
        return OWN[described.function]
    found: Any = torch
    for part in record.torch.split(".")[1:]:
        found = getattr(found, part)
    arguments = {record.arguments[name]: value for name, value in described.values}
    arguments |= dict(record.fixed)
    return functools.partial(found, **arguments) if arguments else found


class ElementWise(nn.Module):
    """Applies a function of torch's to all that comes."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.function = function_of(activation)

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)

    def extra_repr(self) -> str:
        return repr(self.activation.to_document())


@MODULES.register("activation")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, Activation)
    return ElementWise(node.layer)
