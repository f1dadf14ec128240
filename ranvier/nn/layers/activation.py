"""Activations as modules, and as bare functions inside the layers that end in one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Activation, Node


def _identity(values: Tensor) -> Tensor:
    return values


def _hard_sigmoid(values: Tensor) -> Tensor:
    # torch's own multiplies by a sixth rounded to float32 on the way back, in float64 as well.
    return torch.clamp(values / 6 + 0.5, 0.0, 1.0)


def _celu(values: Tensor, *, alpha: float) -> Tensor:
    # The same function; torch's celu rounds 1 / alpha to float32 on the way back.
    return alpha * F.elu(values / alpha)


def _squareplus(values: Tensor, *, b: float) -> Tensor:
    return (values + torch.sqrt(values * values + b)) / 2


def _sparse_plus(values: Tensor) -> Tensor:
    # Between −1 and 1 the clamped number is the number, so one formula serves all three pieces.
    return (torch.clamp(values, -1.0, 1.0) + 1) ** 2 / 4 + torch.relu(values - 1)


def _sparse_sigmoid(values: Tensor) -> Tensor:
    return torch.clamp(values / 2 + 0.5, 0.0, 1.0)


def _sparsemax(values: Tensor) -> Tensor:
    """The nearest point to `values` among those that are 0 or more and add up to 1.

    The k largest numbers stay above 0, k the last place at which 1 + k z₍ₖ₎ is more than the sum
    of the first k; τ is what makes the rest add up to 1.
    """
    shifted = values - values.amax(dim=-1, keepdim=True).detach()
    ordered = shifted.sort(dim=-1, descending=True).values
    places = torch.arange(1, values.shape[-1] + 1, dtype=values.dtype, device=values.device)
    sums = ordered.cumsum(dim=-1)
    kept = (1 + places * ordered > sums).sum(dim=-1, keepdim=True)
    tau = (sums.gather(-1, kept - 1) - 1) / kept
    return torch.relu(shifted - tau)


OWN: dict[str, Callable[..., Tensor]] = {
    "linear": _identity,
    "celu": _celu,
    "hard_sigmoid": _hard_sigmoid,
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "sparsemax": _sparsemax,
}
"""Functions that torch has not, or not exactly."""


def function_of(activation: Activation | str | None) -> Callable[[Tensor], Tensor]:
    """torch's function for a described activation, its parameters bound."""
    if activation is None:
        return _identity
    described = Activation(activation) if isinstance(activation, str) else activation
    record = described.record
    arguments: dict[str, Any] = {
        record.arguments.get(name, name): value for name, value in described.values
    }
    arguments |= dict(record.fixed)
    found: Any = OWN.get(described.function, torch)
    # torch.nn.functional.relu6 is looked up part by part; nothing else is ever imported.
    for part in record.torch.split(".")[1:]:
        found = getattr(found, part)
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
