"""What an operation of a graph does besides giving a value: writes, draws, or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx
from torch._ops import OpOverload


def operation(node: fx.Node) -> OpOverload | None:
    """The tensor operation that a node calls; None for placeholders, outputs, picks of tuples."""
    is_call = node.op == "call_function" and isinstance(node.target, OpOverload)
    return node.target if is_call else None  # type: ignore[return-value]


def written(node: fx.Node) -> Iterator[fx.Node]:
    """The nodes whose memory this node writes to."""
    called = operation(node)
    if called is None:
        return
    for position, argument in enumerate(called._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        if position < len(node.args):
            value = node.args[position]
        else:
            value = node.kwargs.get(argument.name)
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, fx.Node):
                yield each


def is_random(node: fx.Node) -> bool:
    """Whether it draws random numbers: called once more or less, all later draws differ."""
    called = operation(node)
    return called is not None and torch.Tag.nondeterministic_seeded in called.tags


def is_pure(node: fx.Node) -> bool:
    """Whether it may be left out if nobody looks at what it gives."""
    called = operation(node)
    if called is None:
        return node.op == "call_function"
    return not called._schema.is_mutable and not is_random(node) and bool(called._schema.returns)


class Memory:
    """Which nodes share memory: every node's root is the one that its memory came from."""

    def __init__(self, graph: fx.Graph) -> None:
        self._root: dict[fx.Node, fx.Node] = {}
        for node in graph.nodes:
            self._root[node] = self._found(node)

    def root(self, node: fx.Node) -> fx.Node:
        return self._root[node]

    def _found(self, node: fx.Node) -> fx.Node:
        called = operation(node)
        if called is None:
            # A pick from a tuple of views shares the memory of what was cut up.
            if node.op == "call_function" and node.args and isinstance(node.args[0], fx.Node):
                source = node.args[0]
                return self._root[source] if _gives_views(source) else node
            return node
        for position, argument in enumerate(called._schema.arguments):
            if argument.alias_info is not None and position < len(node.args):
                value = node.args[position]
                if isinstance(value, fx.Node):
                    return self._root[value]
        return _same_memory_by_chance(node, self._root)

    def written_roots(self, node: fx.Node) -> set[fx.Node]:
        return {self._root[each] for each in written(node)}


def _gives_views(node: fx.Node) -> bool:
    called = operation(node)
    return called is not None and any(a.alias_info is not None for a in called._schema.arguments)


# These give what came where there is nothing to do; whoever reasons about memory must assume so.
_MAYBE_VIEWS = ("aten::reshape", "aten::contiguous", "aten::to", "aten::_reshape_alias")


def _same_memory_by_chance(node: fx.Node, roots: dict[fx.Node, fx.Node]) -> fx.Node:
    called = operation(node)
    if called is not None and called._schema.name in _MAYBE_VIEWS:
        source = node.args[0]
        if isinstance(source, fx.Node):
            return roots[source]
    return node


def form(node: fx.Node) -> tuple[torch.Size, tuple[int, ...], torch.dtype, int] | None:
    """Shape, strides, dtype, offset of the tensor that a node gives; None where it is no tensor."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor):
        return None
    return value.shape, value.stride(), value.dtype, int(value.storage_offset())
