"""What a tape will do, before memory is planned: instructions on views, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ranvier.step.native.values import Buffer, View

# A string is the name of an element operation.
Word = int | float | View | str
Operand = View | float


@dataclass(eq=False)
class Instruction:
    """One operation of the library on its arguments, and which views it reads and writes."""

    operation: str
    arguments: list[Word]
    reads: list[View]
    writes: list[View]

    @property
    def read_buffers(self) -> set[Buffer]:
        return {view.buffer for view in self.reads}

    @property
    def written_buffers(self) -> set[Buffer]:
        return {view.buffer for view in self.writes}


@dataclass(eq=False)
class Element:
    """One operation applied to each element; operands are seen in the result's shape."""

    operation: str
    result: View
    operands: tuple[Operand, ...]
    is_wide: bool = False

    @property
    def read_buffers(self) -> set[Buffer]:
        return {operand.buffer for operand in self.operands if isinstance(operand, View)}

    @property
    def written_buffers(self) -> set[Buffer]:
        return {self.result.buffer}


Item = Instruction | Element


@dataclass(frozen=True)
class Draw:
    """Random numbers that torch draws into a stream before the step."""

    view: View
    fill: Callable[[Tensor], Any]


@dataclass
class Lowered:
    """An update as a list of items, with what goes in and out by name.

    `streams` are the buffers that lie elsewhere in every step: the inputs, the targets, the weights
    where there are some, and the learning rate, then what torch draws, then the loss and the norms.
    `gradients` are where the last step leaves them. A program that `draws_itself` needs torch's
    generator while it runs.
    """

    items: list[Item] = field(default_factory=list)
    streams: list[Buffer] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    draws_itself: bool = False
    gradients: list[View] = field(default_factory=list)


def without_dead(items: Sequence[Item]) -> list[Item]:
    """The items whose results somebody reads, or that write what outlives the step."""
    wanted: set[Buffer] = set()
    alive: list[Item] = []
    for item in reversed(items):
        written = item.written_buffers
        if any(b.kept or not b.is_temporary or b in wanted for b in written):
            alive.append(item)
            wanted |= item.read_buffers
    return alive[::-1]
