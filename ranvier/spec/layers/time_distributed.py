"""Layers that run another layer over the places of a sequence: each alone, in turn, or both ways.

T places; the batch axis is left out.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Name, Rule, many, optional, whole, word
from ranvier.spec.join import join_equation, join_flops, join_sign, joined_shape
from ranvier.spec.layer import A_LAYER, Family, Form, Layer, Run
from ranvier.spec.layers.over_time import OverTime
from ranvier.spec.layers.recurrent import DirectionsJoin
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal

_Inside = Annotated[Layer, A_LAYER]
_SIZES = many(whole(1), "")
_SHAPES = many(Rule("a shape, such as (4,)", _SIZES.accept), "shapes, such as ((4,),)", minimum=1)


def _sequence_needed(shape: Shape) -> None:
    if len(shape) < 2:
        raise Misfit(
            "(places, …)",
            "Give it a sequence: a place per row, its features last.",
            came=f"got an input of shape {shape}",
        )


@dataclass(frozen=True)
class TimeDistributed(Layer):
    """Does the same to every place of a sequence, with the same weights.

        a⁽ˡ⁾_t = F(a⁽ˡ⁻¹⁾_t)

    Most layers, such as Dense, do so anyway; this is for those that would take the places for
    something else, such as a convolution over the picture that stands at each place. All places of
    all samples go through at once. What the layer inside takes by name is the same at every place.

    >>> from ranvier.spec import Dense, Flatten
    >>> TimeDistributed(Flatten()).output_shape((20, 3, 4))
    (20, 12)

    Shapes: [T, …] -> [T, *what the layer makes of the rest].
    """

    layer: _Inside

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        source = signals[0]
        _sequence_needed(source.shape)
        places, *rest = source.shape
        ends = run("layer", self.layer, run.part(source, tuple(rest)))
        first, *more = ((places, *end.shape) for end in ends)
        # The layer inside counts for one place; these are the others.
        flops = (places - 1) * run.calls[-1].node.total_flops
        return Joined(first, ends, more=tuple(more), flops=flops)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here}ₜ = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, for every t"

    def label(self) -> str:
        return "TimeDistributed"


@dataclass(frozen=True)
class Recurrent(OverTime, Layer):
    """Runs a cell over the places of a sequence, each time with the state that it gave before.

        s_t = F(a⁽ˡ⁻¹⁾_t, s_{t−1}),  a⁽ˡ⁾_t = the first part of s_t

    A cell is any layer that takes the features of a place and its state and gives the new state,
    the output first. `state` says the shapes of the state's parts for a layer that is not a cell by
    trade. What it takes by name, such as an encoder's outputs to attend to, is the same at every
    place. SimpleRNN, LSTM and GRU are faster than their cells in here.

    >>> from ranvier.spec import Dense, GRUCell, Join, Network, Take
    >>> Recurrent(GRUCell(4)).output_shape((20, 3))
    (20, 4)
    >>> own = Network(Take("x", "h"), Join("concat"), Dense(4, activation="tanh"),
    ...               inputs=("x", "h"))
    >>> Recurrent(own, state=((4,),), sequence=False).output_shape((20, 3))
    (4,)

    Shapes: [T, …] -> [T, *the first part of the state], without `sequence` that part.
    """

    cell: _Inside
    _: KW_ONLY
    state: Annotated[tuple[Shape, ...] | None, optional(_SHAPES)] = None

    def fits(self, shape: Shape) -> bool:
        return len(shape) >= 2

    def places_needed(self) -> str:
        return "(places, …)"

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        if self.state is not None:
            return self.state
        shapes = getattr(self.cell, "state_shapes", None)
        if shapes is None:
            raise Misfit(
                "a cell, such as GRUCell, or the shapes of its state",
                "Say the shape of every part of the state, the output's first: state=((4,),).",
                came=f"got {type(self.cell).__name__} to run",
            )
        found: tuple[Shape, ...] = shapes(shape[1:])
        return found

    def output_of(self, shape: Shape) -> Shape:
        return (*(shape[:1] if self.sequence else ()), *self.state_shapes(shape)[0])

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        shapes = [signal.shape for signal in signals]
        output, states = self.infer(*shapes), self.state_shapes(shapes[0])
        source = signals[0]
        parts = [run.part(source, shape) for shape in (shapes[0][1:], *states)]
        ends = run("cell", self.cell, *parts)
        given = tuple(end.shape for end in ends)
        if given != states:
            raise Misfit(
                f"a state of {' and '.join(map(str, states))}",
                "Let the cell give the new state and nothing else, the output first.",
                came=f"has a cell that gives {' and '.join(map(str, given))}",
                output=output,
            )
        flops = (shapes[0][0] - 1) * run.calls[-1].node.total_flops
        more = states if self.states else ()
        return Joined(output, signals, more=more, flops=flops)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here}ₜ = F(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}ₜ, a{here}ₜ₋₁)"

    def label(self) -> str:
        return "Recurrent"


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Reads a sequence in both orders with one kind of layer and weights for each, and joins.

        a⁽ˡ⁾ = [F(a⁽ˡ⁻¹⁾); reversed(F′(reversed(a⁽ˡ⁻¹⁾)))]   (join="concat", along the features)

    For any layer over a sequence. SimpleRNN, LSTM and GRU have a field `bidirectional` of their
    own, which is faster. With a `mask` each row is reversed from its last real place on, places
    that are not real coming after all others; a layer inside that takes a mask of that name gets
    it reversed with the sequence.

    >>> from ranvier.spec import GRU
    >>> Bidirectional(GRU(8)).output_shape((20, 3)), Bidirectional(GRU(8), join="sum").label()
    ((20, 16), 'Bidirectional +')

    Shapes: [T, C] -> [T, 2H] or, where the layer gives one row per sequence, [2H]; other joins: H.

    Reference: Schuster & Paliwal 1997, IEEE Trans. Signal Processing 45.
    """

    form: ClassVar[Form] = "fork"
    family: ClassVar[Family] = "join"

    layer: _Inside
    _: KW_ONLY
    join: Annotated[DirectionsJoin, word("concat", "sum", "average", "multiply")] = "concat"
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        source = signals[0]
        _sequence_needed(source.shape)
        if self.mask:
            if signals[1].shape != source.shape[:1]:
                raise Misfit(
                    f"an input {source.shape} and a mask {source.shape[:1]}",
                    "Let the mask have a number per place.",
                )
            run.call(self.mask, signals[1])
        ahead = run("forwards", self.layer, source)
        if self.mask:
            run.call(self.mask, run.part(signals[1], signals[1].shape))
        back = run("backwards", self.layer, run.part(source, source.shape))
        shapes = [end.shape for end in (*ahead, *back)]
        if len(shapes) != 2 or (len(shapes[0]) > 1 and shapes[0][0] != source.shape[0]):
            raise Misfit(
                f"one output with all {source.shape[0]} places, or one row for the whole sequence",
                "Put a layer inside that keeps the places.",
                came=f"has a layer that gives {' and '.join(str(end.shape) for end in ahead)}",
            )
        shape = joined_shape(self.join, shapes, came="reads both ways")
        return Joined(shape, (*ahead, *back), flops=join_flops(self.join, shapes))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return join_equation(self.join, here, sources or ("⁽ⁱ⁾", "⁽ʲ⁾"))

    def joins(self) -> str:
        return join_sign(self.join)

    def label(self) -> str:
        return f"Bidirectional {join_sign(self.join)}"
