"""The captured update on the tensors of one state, as a program."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

from ranvier.step.capture import Captured
from ranvier.step.native import operations  # noqa: F401  # which registers how each is lowered
from ranvier.step.native.generator import Generator
from ranvier.step.native.lowering import Lowering, NativeUnsupported, require_known
from ranvier.step.native.program import Lowered
from ranvier.step.native.values import View, whole


def lowered(
    library: ctypes.CDLL,
    generator: Generator,
    captured: Captured,
    tensors: dict[str, Tensor],
    *,
    threads: int = 1,
    is_half: bool = False,
) -> Lowered:
    """The captured update as a program on these tensors of the state.

    With `is_half`, what enters the products of the forward and backward pass is rounded to
    bfloat16; their sums, all else and the products of an optimiser stay in float32.

    Raises:
        NativeUnsupported: an operation or a type that the engine does not have, or that this
            processor does not multiply bfloat16.
    """
    if is_half and not library.rv_has_bf16():
        raise NativeUnsupported("this processor's library does not multiply bfloat16")
    halved = _made_of_gradients(captured.module.graph) if is_half else frozenset()
    walk = Lowering(library, generator, draws=True, threads=threads, halved=halved)
    program = _walked(walk, captured, tensors)
    if program.draws and program.draws_itself:
        # Two that draw by turns would leave eager's order.
        walk = Lowering(library, generator, draws=False, threads=threads, halved=halved)
        program = _walked(walk, captured, tensors)
    return program


def _made_of_gradients(graph: fx.Graph) -> frozenset[fx.Node]:
    """The nodes that loss and gradients are computed from: the forward and backward pass."""
    results: Any = graph.output_node().args[0]
    loss, _, *gradients = results
    waiting: list[fx.Node] = [loss, *gradients]
    found: set[fx.Node] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return frozenset(found)


def _walked(walk: Lowering, captured: Captured, tensors: dict[str, Tensor]) -> Lowered:
    placeholders = [n for n in captured.module.graph.nodes if n.op == "placeholder"]
    state = [walk.held(tensors[name]) for name in captured.names]
    _require_own_memory(state)
    forms = [node.meta["val"] for node in placeholders[len(state) :]]
    data = [whole(walk.stream(form.numel(), form.dtype), form.shape) for form in forms]
    loss, norms, *gradients = walk.run_graph(captured.module.graph, captured.module, state + data)
    program = walk.program
    program.gradients = [_kept(walk, gradient) for gradient in gradients]
    for result in (loss, norms):
        target = whole(walk.stream(result.numel, torch.float32), result.shape)
        walk.element("copy", result, into=target)
    return program


def _require_own_memory(views: Sequence[View]) -> None:
    """Each tensor of the state in memory of its own, as instructions are ordered by memory."""
    seen: set[int] = set()
    for view in views:
        require_known(view.dtype)
        assert view.buffer.tensor is not None
        storage = view.buffer.tensor.untyped_storage().data_ptr()
        if view.numel and storage in seen:
            raise NativeUnsupported("two tensors of the state in the same memory")
        seen.add(storage)


def _kept(walk: Lowering, view: View) -> View:
    if view.constant is not None:
        view = walk.copied(view)
    view.buffer.kept = True
    return view
