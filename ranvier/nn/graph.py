"""Modules made of modules, wired as the walk over their description recorded it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Join as JoinLayer
from ranvier.spec import Node, Parallel, TiedDense
from ranvier.spec.join import JoinKind


class Wired(nn.Module):
    """Calls the modules inside with the signals that the description says.

    Signals are numbered as in `Node`: what comes, then each module's outputs in turn. One result
    comes back as it is, several as a tuple.
    """

    def __init__(self, node: Node, children: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for child in node.children:
            self.add_module(child.name, children[child.name])
        self.wires = node.wires
        self.results = node.results

    def forward(self, *signals: Tensor) -> Tensor | tuple[Tensor, ...]:
        known = list(signals)
        for module, wires in zip(self._called(), self.wires, strict=True):
            result = module(*[known[i] for i in wires])
            known += result if isinstance(result, tuple) else [result]
        return self.joined(*[known[i] for i in self.results])

    def _called(self) -> list[nn.Module]:
        return [module for module in self._modules.values() if module is not None]

    def joined(self, *ends: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What is made of the results."""
        return ends[0] if len(ends) == 1 else ends


class Residual(Wired):
    """x + F(x), F the modules inside."""

    def joined(self, *ends: Tensor) -> Tensor:
        start, end = ends
        return start + end


class Branches(Wired):
    """Every module inside gets the same input; `join` makes one tensor of what they give."""

    def __init__(self, node: Node, children: Mapping[str, nn.Module], join: JoinKind) -> None:
        super().__init__(node, children)
        self.join = joining(join)

    def joined(self, *ends: Tensor) -> Tensor:
        return self.join(ends)


class Again(Wired):
    """Calls a module that stands elsewhere, with its weights."""

    def __init__(self, node: Node, children: Mapping[str, nn.Module]) -> None:
        super().__init__(node, {})
        # In a tuple, so that it is no module of this one: its weights have one name.
        self.shared = (children["shared"],)

    def _called(self) -> list[nn.Module]:
        return list(self.shared)

    def extra_repr(self) -> str:
        return f"of={type(self.shared[0]).__name__}"


class Tied(nn.Module):
    """z = E a + b, E the weight of an embedding that stands elsewhere.

    Shapes: [..., units] -> [..., categories].
    """

    bias: nn.Parameter | None

    def __init__(self, node: Node, embedding: nn.Module) -> None:
        super().__init__()
        self.shared = (embedding,)
        described = node.parameters.get("bias")
        bias = None if described is None else nn.Parameter(torch.empty(described.shape))
        self.register_parameter("bias", bias)

    def forward(self, input: Tensor) -> Tensor:
        weight = self.shared[0].weight
        assert isinstance(weight, Tensor)
        return nn.functional.linear(input, weight, self.bias)


class Join(nn.Module):
    """One tensor of several."""

    def __init__(self, join: JoinKind, axis: int) -> None:
        super().__init__()
        self.join = joining(join, axis if axis < 0 else axis + 1)

    def forward(self, *signals: Tensor) -> Tensor:
        return self.join(signals)


def joining(join: JoinKind, axis: int = -1) -> Callable[[tuple[Tensor, ...]], Tensor]:
    """The function that joins; `axis` counts the batch's."""
    if join == "concat":
        return functools.partial(torch.cat, dim=axis)
    return _JOINS[join]


def _average(ends: tuple[Tensor, ...]) -> Tensor:
    return functools.reduce(operator.add, ends) / len(ends)


def _dot(ends: tuple[Tensor, ...]) -> Tensor:
    return functools.reduce(operator.mul, ends).sum(-1, keepdim=True)


_JOINS: dict[str, Callable[[tuple[Tensor, ...]], Tensor]] = {
    "sum": functools.partial(functools.reduce, operator.add),
    "average": _average,
    "multiply": functools.partial(functools.reduce, operator.mul),
    "maximum": functools.partial(functools.reduce, torch.maximum),
    "minimum": functools.partial(functools.reduce, torch.minimum),
    "dot": _dot,
}


def wired(node: Node, children: Children) -> nn.Module:
    """A layer whose result one or more of the layers inside make."""
    steps = len(node.children)
    straight = node.wires == tuple((i,) for i in range(steps)) and node.results == (steps,)
    return nn.Sequential(children) if straight and len(node.inputs) == 1 else Wired(node, children)


@MODULES.register("residual")
def _residual(node: Node, children: Children) -> nn.Module:
    return Residual(node, children)


@MODULES.register("parallel")
def _parallel(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, Parallel)
    if node.layer.join is None:
        return Wired(node, children)
    return Branches(node, children, node.layer.join)


@MODULES.register("join")
def _join(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, JoinLayer)
    return Join(node.layer.join, node.layer.axis)


@MODULES.register("again")
def _again(node: Node, children: Children) -> nn.Module:
    return Again(node, children)


@MODULES.register("tied_dense")
def _tied_dense(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, TiedDense)
    return Tied(node, children["shared"])
