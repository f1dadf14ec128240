"""What a fault is, and the ways in which one changes a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.doctor.program import Program, Rows
from ranvier.core.finding import Category

Spoil = Callable[[Program], Program | None]
# Of fewer rows nothing can be said of how labels go with inputs, or of a split.
FEW = 60


@dataclass(frozen=True)
class Fault:
    """What is done to a program, and which of the catalogue's categories name the cause.

    `spoil` gives None for a program that it does not fit. A structural fault is one whatever comes
    of it; any other only where the score falls. `needs_rows` is True of what nobody can see who was
    not given the rows.
    """

    number: int
    name: str
    categories: frozenset[Category]
    spoil: Spoil
    is_structural: bool = False
    needs_rows: bool = True


FAULTS: dict[str, Fault] = {}


def fault(
    number: int, *categories: Category, is_structural: bool = False, needs_rows: bool = True
) -> Callable[[Spoil], Spoil]:
    """Register the function as a fault of this row; its name says what it does."""

    def register(spoil: Spoil) -> Spoil:
        name = spoil.__name__.replace("_", "-")
        assert name not in FAULTS, name
        FAULTS[name] = Fault(number, name, frozenset(categories), spoil, is_structural, needs_rows)
        return spoil

    return register


def with_optimizer(
    program: Program, change: Callable[[torch.optim.Optimizer, dict[str, Any]], object]
) -> Program:
    """The program with every group of its optimiser changed."""

    def optimizer(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        made = program.optimizer(parameters)
        for group in made.param_groups:
            change(made, group)
        return made

    return replace(program, optimizer=optimizer)


def with_rows(program: Program, change: Callable[[Rows, int], Rows]) -> Program:
    """The program with other rows; `change` is given the seed as well."""
    return replace(program, rows=lambda seed: change(program.rows(seed), seed))


def with_inputs(program: Program, change: Callable[[Tensor], Tensor]) -> Program | None:
    """The program with other inputs, trained on and held out; None where they are tokens."""
    if not takes_numbers(program):
        return None
    return with_rows(
        program,
        lambda rows, seed: replace(
            rows, inputs=change(rows.inputs), held_out=change(rows.held_out)
        ),
    )


def with_model(program: Program, change: Callable[[nn.Module], nn.Module]) -> Program:
    """The program with its network changed as it is made."""
    return replace(program, model=lambda: change(program.model()))


def with_head(program: Program, make: Callable[[nn.Linear], nn.Module]) -> Program:
    """The program with `make` of its last linear layer in that layer's place."""

    def change(model: nn.Module) -> nn.Module:
        linear = [(path, m) for path, m in model.named_modules() if isinstance(m, nn.Linear)]
        path, head = linear[-1]
        if not path:
            return make(head)
        above, _, name = path.rpartition(".")
        setattr(model.get_submodule(above), name, make(head))
        return model

    return with_model(program, change)


def swapped(
    program: Program, kinds: tuple[type[nn.Module], ...], make: Callable[[nn.Module], nn.Module]
) -> Program | None:
    """The program with `make` of each inner module of these kinds; None if it has none."""

    def change(model: nn.Module) -> nn.Module:
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, kinds):
                    setattr(parent, name, make(child))
        return model

    inner = list(program.model().modules())[1:]
    if not any(isinstance(each, kinds) for each in inner):
        return None
    return with_model(program, change)


@cache
def first_rows(program: Program) -> Rows:
    """Those of the first seed, by which it is told whether a fault fits."""
    return program.rows(0)


def takes_numbers(program: Program) -> bool:
    """Whether inputs are numbers, not tokens."""
    return first_rows(program).inputs.is_floating_point()


def is_table(program: Program, *, features: int = 1) -> bool:
    """Whether inputs are rows `[N, F]` of at least so many features."""
    inputs = first_rows(program).inputs
    return inputs.is_floating_point() and inputs.ndim == 2 and inputs.shape[1] >= features


def has_many_rows(program: Program) -> bool:
    """Whether there are enough rows to tell how labels go with inputs."""
    return len(first_rows(program).inputs) >= FEW


def classes(program: Program) -> int:
    """How many classes there are, one answer a row; 0 where the task is another."""
    rows = first_rows(program)
    if program.task not in ("classes", "binary", "probability", "one_hot"):
        return 0
    return int(rows.truth.max()) + 1 if rows.truth.numel() == len(rows.truth) else 0


def outputs(program: Program) -> int:
    """How many numbers the network gives for a row, or for a place."""
    with torch.no_grad():
        return int(program.model()(first_rows(program).inputs[:4]).shape[-1])


def has_any(program: Program, *kinds: type[nn.Module]) -> bool:
    """Whether the network holds a module of these kinds."""
    return any(isinstance(module, kinds) for module in program.model().modules())
