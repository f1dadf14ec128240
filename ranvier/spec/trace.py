"""A network laid out for one input: every layer with its path, shapes, weights, cost and equation.

`trace` walks a description once, with shapes in place of tensors. Everything that needs more than
the bare description reads the tree of nodes it gives: the table, the drawing, the builder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.core.shapes import Shape, size

if TYPE_CHECKING:
    from ranvier.spec.layer import Layer, Parameter

# A description from an unknown hand may ask for a billion layers in a hundred bytes.
MAX_LAYERS = 20_000
MAX_DEPTH = 64

_LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Signal:
    """What flows between two layers: its shape, and the superscript of its a⁽ˡ⁾ in equations."""

    shape: Shape
    mark: str


@dataclass(frozen=True)
class Joined:
    """A layer's own result: its shape, and the signals that its equation is written in."""

    shape: Shape
    sources: tuple[Signal, ...]


@dataclass(frozen=True)
class Node:
    """One layer in its place: `parameters` and `flops` are its own, without its children's."""

    path: str
    name: str
    layer: Layer
    inputs: tuple[Shape, ...]
    output: Shape
    parameters: dict[str, Parameter]
    flops: int
    equation: str
    children: tuple[Node, ...]

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


@dataclass
class _Walk:
    """The state of one walk: what was found wrong, and how many layers were met."""

    problems: list[str] = field(default_factory=list)
    layers: int = 0
    numbers: int = 0

    def visit(self, path: tuple[str, ...], layer: Layer, signals: tuple[Signal, ...]) -> Visit:
        self.layers += 1
        if self.layers > MAX_LAYERS or len(path) > MAX_DEPTH:
            raise NetworkError(
                f"{'.'.join(path[:4])}: a network may hold {MAX_LAYERS:,} layers, nested at most "
                f"{MAX_DEPTH} deep; this one holds more. Repeat fewer times or nest less."
            )
        children: dict[str, Node] = {}

        def run(name: str, child: Layer, *inputs: Signal) -> Signal:
            if name in children:
                self.problems.append(
                    f"{'.'.join((*path, name))}: two layers here are named {name!r}. "
                    "Give one of them another name."
                )
            visit = self.visit((*path, name), child, inputs)
            children[name] = visit.node
            return visit.output

        try:
            result = layer.flow(run, *signals)
        except Misfit as misfit:
            result = self._note(path, layer, signals, misfit)
        return self._placed(path, layer, signals, result, tuple(children.values()))

    def _placed(
        self,
        path: tuple[str, ...],
        layer: Layer,
        signals: tuple[Signal, ...],
        result: Signal | Joined,
        children: tuple[Node, ...],
    ) -> Visit:
        # After the first misfit only shapes matter: the tree will not be used.
        fits = not self.problems
        output, equation = result, ""
        if isinstance(output, Joined):
            self.numbers += 1
            output = Signal(output.shape, f"⁽{str(self.numbers).translate(_SUPERSCRIPTS)}⁾")
        if fits and isinstance(result, Joined):
            equation = layer.equation(output.mark, *(source.mark for source in result.sources))
        shapes = tuple(signal.shape for signal in signals)
        node = Node(
            path=".".join(path),
            name=path[-1] if path else "",
            layer=layer,
            inputs=shapes,
            output=output.shape,
            parameters=layer.parameters(*shapes) if fits else {},
            flops=layer.flops(*shapes) if fits else 0,
            equation=equation,
            children=children,
        )
        return Visit(node, output)

    def _note(
        self, path: tuple[str, ...], layer: Layer, signals: tuple[Signal, ...], misfit: Misfit
    ) -> Joined:
        came = misfit.came or "got an input of shape " + " and ".join(
            str(signal.shape) for signal in signals
        )
        self.problems.append(
            f"{'.'.join(path) or 'network'}: {type(layer).__name__} {came}; "
            f"expected {misfit.wanted}. {misfit.mend}"
        )
        return Joined(misfit.output or signals[0].shape, signals)


@dataclass(frozen=True)
class Visit:
    """What a visit gives: the node for the tree, and the signal for the next layer."""

    node: Node
    output: Signal


def trace(layer: Layer, *inputs: Shape) -> Node:
    """`layer` laid out for inputs of these shapes (without the batch axis).

    Raises:
        ShapeError: for every layer of the network that its input does not fit, all at once.
        NetworkError: for more layers than a network may hold.
    """
    walk = _Walk()
    # The input is a⁽⁰⁾; of several, each has a letter beside the nought.
    letters = ("",) if len(inputs) == 1 else _LETTERS[: len(inputs)]
    signals = tuple(
        Signal(shape, f"⁽⁰{letter}⁾") for shape, letter in zip(inputs, letters, strict=True)
    )
    visit = walk.visit((), layer, signals)
    if walk.problems:
        raise ShapeError("\n".join(walk.problems))
    return visit.node
