"""The captured update of all members as one function of their tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.step.capture import Captured
from ranvier.step.interpreters import has_torchscript, python_function, torchscript_function
from ranvier.step.passes import simplified
from ranvier.step.passes.effects import Memory, operation, written
from ranvier.step.population.draws import Draw, draws_of
from ranvier.step.population.listening import Heard, Numbers, compared
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


@dataclass(frozen=True)
class Recipe:
    """What an update of all members is made of: the first one's graph, and the members' numbers.

    `is_stacked` says which of its tensors hold one for each member; the others are shared. Exact,
    every member has the bits that it has alone; else within rounding, which is faster.
    """

    captured: Captured
    numbers: Numbers
    is_stacked: tuple[bool, ...]
    is_exact: bool

    def kept(self, positions: Sequence[int]) -> Recipe:
        """The same for some of the members; what differed between all still counts as differing,
        so that their bits stay.
        """
        return replace(self, numbers=self.numbers.kept(positions))

    def made(self, examples: Sequence[Tensor], members: int) -> Combined:
        """The update, for tensors of the forms of `examples`.

        Raises:
            CaptureError: if the graph cannot be run for all at once.
        """
        graph = self.captured.module.graph
        draws = tuple(draws_of(graph, self.numbers, members))
        stacking = Stacking(graph, self.numbers, draws, run, members, is_exact=self.is_exact)

        def update(*tensors: Tensor) -> tuple[Tensor, ...]:
            own, drawn = tensors[: len(examples)], tensors[len(examples) :]
            inputs: list[Any] = [
                Stacked(tensor) if stacked else tensor
                for tensor, stacked in zip(own, self.is_stacked, strict=True)
            ]
            return stacking(inputs, drawn)

        tracer = make_fx(update, tracing_mode="fake", _allow_non_fake_inputs=True)
        module = tracer(*examples, *(draw.rows for draw in draws))
        _keep_constants(module.graph)
        module = simplified(replace(self.captured, module=module)).module
        return Combined(_interpreted(module), draws)


def recipe(
    captured: Captured, heard: Sequence[Heard], is_stacked: Sequence[bool], *, is_exact: bool
) -> Recipe:
    """The recipe from the first member's update and from what each member was heard to do.

    Raises:
        CaptureError: if members do other things.
    """
    captured = captured.without_gradients()
    numbers = compared(captured.module.graph, heard)
    return Recipe(captured, numbers, tuple(is_stacked), is_exact)


def _interpreted(module: fx.GraphModule) -> Function:
    return torchscript_function(module) if has_torchscript() else python_function(module)


def _keep_constants(graph: fx.Graph) -> None:
    """Read constants where they are, in place, unless something writes to the copy."""
    memory = Memory(graph)
    changed = {memory.root(w) for node in graph.nodes for w in written(node)}
    for node in list(graph.nodes):
        if operation(node) is _aten.lift_fresh_copy.default and memory.root(node) not in changed:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
