"""The captured update of all members as one function of their tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.step.capture import Captured, CaptureError
from ranvier.step.interpreters import has_torchscript, python_function, torchscript_function
from ranvier.step.passes import simplified
from ranvier.step.passes.effects import Memory, operation, written
from ranvier.step.population.draws import Draw, draws_of
from ranvier.step.population.listening import Heard, compared
from ranvier.step.population.rules import run
from ranvier.step.population.stacking import Stacked, Stacking

Function = Callable[..., tuple[Tensor, ...]]
_aten = torch.ops.aten


@dataclass(frozen=True)
class Combined:
    """One update of all members: a function of the state's tensors `[N, …]`, inputs, targets,
    weights where there are some, learning rates; and what it draws from each member's stream.
    """

    function: Function
    draws: tuple[Draw, ...]

    def __call__(
        self, tensors: Sequence[Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, ...]:
        for draw in self.draws:
            draw.refill(generators)
        return self.function(*tensors, *(draw.rows for draw in self.draws))


def combined(
    captured: Captured,
    heard: Sequence[Heard],
    examples: Sequence[Tensor],
    *,
    is_stacked: Sequence[bool],
    is_exact: bool,
) -> Combined:
    """All members' update out of the first one's and of what each was heard to do.

    `examples` are tensors of the forms that the function will get, `is_stacked` says which of them
    hold one for each member; the others are shared. Exact, every member has the bits that it has
    alone; else within rounding, which is faster.

    Raises:
        CaptureError: if members do other things, or a graph cannot be run for all at once.
    """
    captured = captured.without_gradients()
    graph, members = captured.module.graph, len(heard)
    numbers = compared(graph, heard)
    draws = tuple(draws_of(graph, numbers, members))
    stacking = Stacking(graph, numbers, draws, run, members, is_exact=is_exact)

    def update(*tensors: Tensor) -> tuple[Tensor, ...]:
        own, drawn = tensors[: len(examples)], tensors[len(examples) :]
        inputs: list[Any] = [
            Stacked(tensor) if stacked else tensor
            for tensor, stacked in zip(own, is_stacked, strict=True)
        ]
        return stacking(inputs, drawn)

    tracer = make_fx(update, tracing_mode="fake", _allow_non_fake_inputs=True)
    try:
        module = tracer(*examples, *(draw.rows for draw in draws))
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        raise CaptureError(str(error).strip().splitlines()[0][:200]) from error
    _keep_constants(module.graph)
    module = simplified(Captured(module, captured.names, captured.has_weights)).module
    return Combined(
        torchscript_function(module) if has_torchscript() else python_function(module), draws
    )


def _keep_constants(graph: fx.Graph) -> None:
    """Read constants where they are, in place, unless something writes to the copy."""
    memory = Memory(graph)
    changed = {memory.root(w) for node in graph.nodes for w in written(node)}
    for node in list(graph.nodes):
        if operation(node) is _aten.lift_fresh_copy.default and memory.root(node) not in changed:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
