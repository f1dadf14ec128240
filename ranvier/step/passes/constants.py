"""Make once what is the same in every step: small constant tensors."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from ranvier.step.passes.effects import Memory, form, operation, written

_aten = torch.ops.aten
_FILLS = frozenset(
    {
        _aten.ones.default,
        _aten.zeros.default,
        _aten.full.default,
        _aten.scalar_tensor.default,
        _aten.arange.default,
        _aten.arange.start,
        _aten.ones_like.default,
        _aten.zeros_like.default,
        _aten.full_like.default,
    }
)
# More numbers than this take memory for the whole training to spare a fill that costs little.
LARGEST = 64


def with_constants_once(graph: fx.Graph) -> None:
    """Hold filled tensors that nothing writes to in the module, in place, made at the capture."""
    memory = Memory(graph)
    changed = {memory.root(w) for node in graph.nodes for w in written(node)}
    module = graph.owning_module
    assert module is not None
    for node in list(graph.nodes):
        if operation(node) not in _FILLS or node in changed or _escapes(node, memory, graph):
            continue
        value = node.meta.get("val")
        if not isinstance(value, Tensor) or value.numel() > LARGEST:
            continue
        name = f"constant_{node.name}"
        module.register_buffer(name, _made(node, value), persistent=False)
        with graph.inserting_before(node):
            held = graph.get_attr(name)
        held.meta["val"] = value
        node.replace_all_uses_with(held)
        graph.erase_node(node)


def _escapes(node: fx.Node, memory: Memory, graph: fx.Graph) -> bool:
    """Whether it is among what the update gives: the caller owns that."""
    (output,) = (each for each in graph.nodes if each.op == "output")
    return any(memory.root(each) is node for each in output.all_input_nodes)


def _made(node: fx.Node, value: Tensor) -> Tensor:
    called = operation(node)
    assert called is not None
    like = [
        torch.empty(a.meta["val"].shape, dtype=a.meta["val"].dtype, device=a.meta["val"].device)
        if isinstance(a, fx.Node)
        else a
        for a in node.args
    ]
    made: Tensor = called(*like, **node.kwargs)
    assert made.shape == value.shape and made.dtype == value.dtype, form(node)
    return made
