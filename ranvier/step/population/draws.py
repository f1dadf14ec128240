"""Random numbers of a population: drawn before a step, each member's from a stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import is_random, operation
from ranvier.step.population.listening import Numbers, PerMember

Fill = Callable[..., Any]
_aten = torch.ops.aten


def _bernoulli(row: Tensor, p: float, generator: torch.Generator) -> None:
    row.bernoulli_(p, generator=generator)


def _uniform(row: Tensor, low: float, high: float, generator: torch.Generator) -> None:
    row.uniform_(low, high, generator=generator)


def _normal(row: Tensor, mean: float, deviation: float, generator: torch.Generator) -> None:
    row.normal_(mean, deviation, generator=generator)


def _integers(row: Tensor, low: int, high: int, generator: torch.Generator) -> None:
    row.random_(low, high, generator=generator)


def _order(row: Tensor, count: int, generator: torch.Generator) -> None:
    torch.randperm(count, generator=generator, out=row)


class At(NamedTuple):
    """The argument of a call at `place`."""

    place: int


# What fills a tensor with the same draws, and with which numbers: its own, or those of the call.
_FILLS: dict[Any, tuple[Fill, tuple[At | float, ...]]] = {
    _aten.bernoulli_.float: (_bernoulli, (At(1),)),
    _aten.bernoulli.p: (_bernoulli, (At(1),)),
    _aten.uniform_.default: (_uniform, (At(1), At(2))),
    _aten.normal_.default: (_normal, (At(1), At(2))),
    _aten.rand.default: (_uniform, (0.0, 1.0)),
    _aten.rand_like.default: (_uniform, (0.0, 1.0)),
    _aten.randn.default: (_normal, (0.0, 1.0)),
    _aten.randn_like.default: (_normal, (0.0, 1.0)),
    _aten.randint.default: (_integers, (0, At(0))),
    _aten.randint.low: (_integers, (At(0), At(1))),
    _aten.randint_like.default: (_integers, (0, At(1))),
    _aten.randint_like.low_dtype: (_integers, (At(1), At(2))),
    _aten.randperm.default: (_order, (At(0),)),
}


@dataclass(frozen=True)
class Draw:
    """One call that draws: what fills a member's row, with which numbers for each member."""

    node: fx.Node
    fill: Fill
    numbers: tuple[tuple[Any, ...], ...]
    rows: Tensor

    def refill(self, generators: Sequence[torch.Generator]) -> None:
        for row, numbers, generator in zip(
            self.rows.unbind(), self.numbers, generators, strict=True
        ):
            self.fill(row, *numbers, generator)


def draws_of(graph: fx.Graph, numbers: Numbers, members: int) -> list[Draw]:
    """The calls of a graph that draw random numbers, in order, each with memory for its draws.

    Raises:
        CaptureError: for one whose draws depend on what is computed.
    """
    return [
        _draw(node, numbers, members)
        for node in graph.nodes
        if is_random(node) and not _draws_nothing(node)
    ]


def _draw(node: fx.Node, numbers: Numbers, members: int) -> Draw:
    called = operation(node)
    if called not in _FILLS:
        raise CaptureError(f"{called} draws by what the network computes")
    fill, wanted = _FILLS[called]
    args = numbers.into(node)
    of_members = []
    for k in range(members):
        own = []
        for each in wanted:
            value = args[each.place] if isinstance(each, At) else each
            own.append(value.values[k] if isinstance(value, PerMember) else value)
        of_members.append(tuple(own))
    form: Tensor = node.meta["val"]
    rows = torch.empty((members, *form.shape), dtype=form.dtype, device=form.device)
    return Draw(node, fill, tuple(of_members), rows)


def _draws_nothing(node: fx.Node) -> bool:
    """Whether it is a kernel with a dropout that is off."""
    called = operation(node)
    assert called is not None
    for position, argument in enumerate(called._schema.arguments):
        if argument.name == "dropout_p":
            given = node.args[position] if position < len(node.args) else None
            return node.kwargs.get(argument.name, given) in (None, 0, 0.0)
    return False
