"""What a network laid out for its inputs is made of: signals, and a tree of nodes.

Everything that needs more than the bare description reads the tree: the table, the drawing, the
builder. `walk.py` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from ranvier.core.shapes import Shape, size

if TYPE_CHECKING:
    from ranvier.spec.layer import Layer, Parameter


@dataclass(frozen=True, eq=False, slots=True)
class Signal:
    """What flows between two layers: its shape, and the superscript of its a⁽ˡ⁾ in equations.

    Two signals of one shape are still two signals: they are compared as objects.
    """

    shape: Shape
    mark: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A layer's own result: its shape, and the signals that its equation is written in.

    A layer that gives several results has the shapes of the others in `more`. `parameters` and
    `flops` are for a layer that knows them only on the way, from the weights it shares.
    """

    shape: Shape
    sources: tuple[Signal, ...]
    _: KW_ONLY
    more: tuple[Shape, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    flops: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A result that goes under the layer's name, while what came in goes on in the row."""

    signals: tuple[Signal, ...]


Flowed = tuple[Signal, ...] | Joined | Kept
"""What `Layer.flow` gives: signals that a layer inside made, a result of its own, or a kept one."""


@dataclass(frozen=True, slots=True)
class Node:
    """One layer in its place: `parameters` and `flops` are its own, without its children's.

    Inside a layer made of others, signals are numbered: first `inputs`, then `outer` (what is taken
    by name from further out), then the outputs of each child in turn. `wires` says for each child
    which numbers it is called with, `results` which numbers this layer's output is made of.
    `shares` is the path of the layer whose weights are used once more here.
    """

    path: str
    name: str
    layer: Layer
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    parameters: dict[str, Parameter]
    flops: int
    equation: str
    children: tuple[Node, ...]
    outer: tuple[Shape, ...] = ()
    wires: tuple[tuple[int, ...], ...] = ()
    results: tuple[int, ...] = ()
    shares: str | None = None

    @property
    def output(self) -> Shape:
        """The shape of the output, the first one where there are several."""
        return self.outputs[0]

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order in which the signal goes."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def num_parameters(self) -> int:
        """Trainable numbers in this layer and below it."""
        return sum(
            size(parameter.shape) for node in self.walk() for parameter in node.parameters.values()
        )

    @property
    def total_flops(self) -> int:
        """Floating-point operations of this layer and those below it, forward, for one sample."""
        return sum(node.flops for node in self.walk())


class Misfit(Exception):
    """Raised by a layer whose input does not fit it; the walk goes on as if it had given `output`.

    `wanted` is the shape that fits in words, `mend` the sentence that says what to change, `came`
    what came where that is not the layer's input. Without `output` the input goes on as it is.
    """

    def __init__(
        self, wanted: str, mend: str, *, came: str | None = None, output: Shape | None = None
    ) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.mend = mend
        self.came = came
        self.output = output
