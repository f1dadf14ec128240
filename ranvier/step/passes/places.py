"""Which device work happens on: constants brought there once, and nothing else left elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import Memory, operation, written

_aten = torch.ops.aten
_COPIES = frozenset({_aten._to_copy.default, _aten.lift_fresh_copy.default, _aten.clone.default})


def with_copied_constants_once(graph: fx.Graph) -> None:
    """Make copies of constants, to a device or a number format, at the capture, in place.

    A tensor that is made of Python's numbers, as the weights of classes are, is such a copy.
    """
    memory = Memory(graph)
    kept = {memory.root(each) for node in graph.nodes for each in written(node)}
    kept |= {memory.root(each) for each in graph.output_node().all_input_nodes}
    module = graph.owning_module
    assert module is not None
    for node in list(graph.nodes):
        if operation(node) not in _COPIES or node in kept:
            continue
        source = node.args[0]
        if not isinstance(source, fx.Node) or source.op != "get_attr" or source in kept:
            continue
        called = operation(node)
        assert called is not None
        constant = called(module.get_buffer(str(source.target)), *node.args[1:], **node.kwargs)
        name = f"constant_{node.name}"
        module.register_buffer(name, constant, persistent=False)
        with graph.inserting_before(node):
            held = graph.get_attr(name)
        held.meta["val"] = node.meta.get("val", constant)
        node.replace_all_uses_with(held)
        graph.erase_node(node)


def refuse_other_places(graph: fx.Graph, device: torch.device) -> None:
    """Refuse what would happen on the host, or wait for it: a recording holds none of it.

    A constant of no dimensions is no such thing: its number goes along with the kernel.

    Raises:
        CaptureError: for the first such operation, by name.
    """
    for node in graph.nodes:
        called = operation(node)
        if called is None:
            continue
        away = [each for each in _tensors(node.meta.get("val")) if each.device.type != device.type]
        came = [
            each
            for source in node.all_input_nodes
            for each in _tensors(source.meta.get("val"))
            if each.device.type != device.type and (each.ndim or called in _COPIES)
        ]
        if away or came:
            what = f"{called._schema.name.removeprefix('aten::')} ({node.name})"
            raise CaptureError(
                f"{what} works on {(away or came)[0].device.type}, not on {device.type} alone"
            )


def _tensors(value: object) -> list[Tensor]:
    values = value if isinstance(value, list | tuple) else (value,)
    return [each for each in values if isinstance(each, Tensor)]
