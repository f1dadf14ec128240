"""What all layers that read a sequence place by place share: masks, states, what they give back.

T places, C features; the batch axis is left out.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Flag, Name, Rule, many
from ranvier.spec.graph import NAMED
from ranvier.spec.layer import Family, Run
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal

_SEVERAL = many(NAMED, "")

Names = Annotated[
    tuple[str, ...],
    Rule(
        "names of layers or inputs",
        lambda value: (NAMED.accept(value),) if isinstance(value, str) else _SEVERAL.accept(value),
    ),
]


@dataclass(frozen=True, repr=False)
class OverTime:
    """The fields and shapes of a layer with a state that goes from place to place.

    `sequence`: give the output of every place; else the output of the last real place alone.
    `states`: give the final state as further outputs, after the first.
    `mask`: the name of a signal [T] that is not zero where a place is real. A place that is not
    leaves the state as it is and gives zeros, wherever it stands and whatever it holds.
    `initial`: names of the signals that the state starts from; without it, zeros. The name of a
    layer that gives its `states` is enough: the last of its outputs are taken.
    """

    _: KW_ONLY
    sequence: Flag = True
    states: Flag = False
    mask: Name = None
    initial: Names = ()
    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = None

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        """The shape of each part of the state, for an input of this shape."""
        raise NotImplementedError

    def places_needed(self) -> str:
        """The input that fits, in words."""
        return "(places, features)"

    def fits(self, shape: Shape) -> bool:
        """Whether this layer reads an input of this shape."""
        return len(shape) == 2

    def output_of(self, shape: Shape) -> Shape:
        """The output's shape for an input that fits."""
        raise NotImplementedError

    def takes(self) -> tuple[str, ...]:
        return (*([self.mask] if self.mask else []), *self.initial)

    def infer(self, *inputs: Shape) -> Shape:
        shape, *further = inputs
        if not self.fits(shape):
            raise Misfit(
                self.places_needed(),
                "Give it a sequence: a place per row, its features last.",
                came=f"got an input of shape {shape}",
            )
        wanted: list[Shape] = [shape[:1]] if self.mask else []
        if self.initial:
            wanted += self.state_shapes(shape)
        # The output of a layer that gives its states stands before them.
        start = 1 if self.mask else 0
        extra = 1 if self.initial and len(further) == len(wanted) + 1 else 0
        if further[:start] + further[start + extra :] != wanted:
            words = [f"an input {shape}", *([f"a mask {shape[:1]}"] if self.mask else [])]
            words += [f"a state {each}" for each in wanted[start:]]
            mends = ["Let the mask have a number per place."] if self.mask else []
            mends += ["Name a signal for each part of the state."] if self.initial else []
            mends = mends or ["Name a mask or an initial state by its field, and give one input."]
            raise Misfit(" and ".join(words), " ".join(mends), output=self.output_of(shape))
        return self.output_of(shape)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        shapes = [signal.shape for signal in signals]
        output = self.infer(*shapes)
        return Joined(output, signals, more=self.state_shapes(shapes[0]) if self.states else ())

    def label(self) -> str:
        said = [type(self).__name__, *(str(value) for value in self.said())]
        return " ".join(said)

    def said(self) -> list[Any]:
        """What a drawing says of it, beside its kind."""
        return [getattr(self, "units", "")]
