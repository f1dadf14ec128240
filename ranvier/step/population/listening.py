"""The numbers that settings put into an update: heard while each member takes one step alone.

Whatever a setting is (a decay, a dropout rate, the epsilon of a layer), in the end it is a number
in some call of a tensor operation, or in a constant tensor. So members are told apart by their
calls, which must be the same but for such numbers; how Python came by them does not matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import operation

_aten = torch.ops.aten
# What goes by another name once it is captured.
_SAME = {
    _aten.lift_fresh_copy.default: _aten.lift_fresh.default,
    torch.ops.ranvier.lstm_with_workspace.default: _aten.mkldnn_rnn_layer.default,
}


@dataclass(frozen=True)
class PerMember:
    """A number that is another for each member, as an argument of an operation."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Heard:
    """The calls of one update, in order: the operation and the leaves of its arguments."""

    calls: list[tuple[OpOverload, list[Any]]]


class Listener(TorchDispatchMode):
    """Writes down every call of a tensor operation that is made under it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Heard([])

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.heard.calls.append((func, tree_flatten(_bound(func, args, kwargs or {}))[0]))
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Numbers:
    """What differs between members in a captured update.

    `leaves` are arguments by node and place, `constants` tensors by attribute, `[N, …]`.
    """

    leaves: dict[fx.Node, dict[int, PerMember]]
    constants: dict[str, Tensor]

    def into(self, node: fx.Node) -> list[Any]:
        """The node's arguments in the order of its schema, numbers that differ in their places."""
        differing = self.leaves.get(node, {})
        places = itertools.count()
        arguments: list[Any] = tree_map(
            lambda leaf: differing.get(next(places), leaf), _arguments(node)
        )
        return arguments

    def kept(self, positions: Sequence[int]) -> Numbers:
        """Those of some members only."""
        leaves = {
            node: {
                place: PerMember(tuple(number.values[k] for k in positions))
                for place, number in of_node.items()
            }
            for node, of_node in self.leaves.items()
        }
        constants = {name: rows[list(positions)] for name, rows in self.constants.items()}
        return Numbers(leaves, constants)


def compared(graph: fx.Graph, members: Sequence[Heard]) -> Numbers:
    """The numbers and constants of `graph`, captured from the first member, that members vary.

    Raises:
        CaptureError: naming a member whose calls are others than the first one's.
    """
    places = _aligned(graph, members[0])
    for k, heard in enumerate(members):
        refuse_other_calls(members[0], heard, k)
    leaves: dict[fx.Node, dict[int, PerMember]] = {}
    constants: dict[str, Tensor] = {}
    for node, place in places.items():
        of_members = [heard.calls[place][1] for heard in members]
        for index, argument in enumerate(_leaves(node)):
            values = [each[index] for each in of_members]
            if isinstance(argument, fx.Node):
                if argument.op == "get_attr" and not _all_equal(values):
                    constants[str(argument.target)] = torch.stack([v.detach() for v in values])
            elif any(_key(value) != _key(values[0]) for value in values):
                leaves.setdefault(node, {})[index] = PerMember(tuple(values))
    return Numbers(leaves, constants)


def _aligned(graph: fx.Graph, heard: Heard) -> dict[fx.Node, int]:
    """Which call each node of the graph is: the nodes are the calls, less some that are idle."""
    found: dict[fx.Node, int] = {}
    place = 0
    for node in graph.nodes:
        called = operation(node)
        if called is None:
            continue
        called = _SAME.get(called, called)
        while place < len(heard.calls) and not _matches(node, called, *heard.calls[place]):
            place += 1
        if place == len(heard.calls):
            raise CaptureError(f"the captured update calls {called}, which no member does")
        found[node] = place
        place += 1
    return found


def _matches(node: fx.Node, called: OpOverload, other: OpOverload, leaves: list[Any]) -> bool:
    own = _leaves(node)
    if called is not other or len(own) != len(leaves):
        return False
    return all(
        isinstance(came, Tensor) if isinstance(argument, fx.Node) else _key(argument) == _key(came)
        for argument, came in zip(own, leaves, strict=True)
    )


def refuse_other_calls(first: Heard, other: Heard, k: int) -> None:
    """Refuse a member k that does other things than the first.

    Raises:
        CaptureError: naming the first operation that is another.
    """
    for one, its in zip(first.calls, other.calls, strict=False):
        if one[0] is not its[0] or [_shape(a) for a in one[1]] != [_shape(a) for a in its[1]]:
            raise CaptureError(
                f"member {k} runs {its[0]} where member 0 runs {one[0]}: "
                "a setting decides what is run"
            )
    if len(first.calls) != len(other.calls):
        raise CaptureError(
            f"member {k} runs {len(other.calls)} operations where member 0 runs "
            f"{len(first.calls)}: a setting decides what is run"
        )


def _leaves(node: fx.Node) -> list[Any]:
    return tree_flatten(_arguments(node))[0]


def _arguments(node: fx.Node) -> list[Any]:
    called = operation(node)
    assert called is not None
    return _bound(called, node.args, node.kwargs)


def _bound(called: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """All arguments in the order of the schema: torch leaves out what equals a default."""
    found = []
    for position, argument in enumerate(called._schema.arguments):
        default = argument.default_value if argument.has_default_value() else None
        given = args[position] if position < len(args) else kwargs.get(argument.name, default)
        # fx keeps lists of a kind of its own.
        found.append(list(given) if isinstance(given, list | tuple) else given)
    return found


def _shape(value: Any) -> Any:
    return (value.shape, value.dtype) if isinstance(value, Tensor) else None


def _key(value: Any) -> tuple[type, str]:
    # 1, 1.0 and True are equal in Python and different as arguments; 0.0 and -0.0 as well.
    return type(value), repr(value)


def _all_equal(tensors: Sequence[Tensor]) -> bool:
    return all(torch.equal(tensor, tensors[0]) for tensor in tensors)
