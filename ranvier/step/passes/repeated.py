"""Compute once what is computed twice: common subexpressions."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torch import fx

from ranvier.step.passes.effects import Memory, is_pure, operation, written


def without_repeated(graph: fx.Graph) -> None:
    """Put the first in the place of a later equal operation on unchanged memory, in place.

    Results that something writes to stay apart: they are two memories.
    """
    memory = Memory(graph)
    changed = {memory.root(w) for node in graph.nodes for w in written(node)}
    versions: dict[fx.Node, int] = defaultdict(int)
    known: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        is_pick = node.op == "call_function" and operation(node) is None
        if is_pick or (
            operation(node) is not None and is_pure(node) and _is_apart(node, memory, changed)
        ):
            read = tuple((i.name, versions[memory.root(i)]) for i in node.all_input_nodes)
            key = (node.target, _hashable(node.args), _hashable(node.kwargs), read)
            first = known.setdefault(key, node)
            if first is not node:
                node.replace_all_uses_with(first)
        for root in memory.written_roots(node):
            versions[root] += 1


def _is_apart(node: fx.Node, memory: Memory, changed: set[fx.Node]) -> bool:
    """Whether the node is a view, or new memory that nothing writes to."""
    root = memory.root(node)
    return root is not node or root not in changed


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_hashable(each) for each in value)
    if isinstance(value, dict):
        return tuple((key, _hashable(each)) for key, each in value.items())
    # 1, 1.0 and True are equal in Python and different as arguments; 0.0 and -0.0 as well.
    return value if isinstance(value, fx.Node) else (type(value), repr(value))
