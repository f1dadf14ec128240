"""Masks, and what reads a sequence by one: which places are real, the first, the last.

A mask is a signal of its own, true where a place is real; it is made aside and taken by name.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Name, real
from ranvier.spec.layer import Layer, elementwise
from ranvier.spec.layers.reshaping import AxisField, Position
from ranvier.spec.trace import Misfit

_Number = Annotated[float, real("a finite number")]


@dataclass(frozen=True)
class Masking(Layer):
    """Makes a mask of a sequence: a place is real where any of its features is not `value`.

        m⁽ˡ⁾ₜ = (∃c: a⁽ˡ⁻¹⁾ₜ,c ≠ value)

    >>> from ranvier.spec import Aside, GlobalAveragePool, Network
    >>> network = Network(Aside(Masking(), name="padding"), GlobalAveragePool(mask="padding"))
    >>> network.output_shape((12, 4))
    (4,)

    Shapes: [*places, features] -> [*places], true or false.
    """

    value: _Number = 0.0

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) < 2:
            raise Misfit("(length, features)", "Use PaddingMask for codes, which have no features.")
        return shape[:-1]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"m{here}ₜ = ∃c: a{(sources or ('⁽ˡ⁻¹⁾',))[0]}ₜ,c ≠ {self.value:g}"

    def label(self) -> str:
        return f"Masking {self.value:g}"


@dataclass(frozen=True)
class PaddingMask(Layer):
    """Makes a mask of codes: a place is real where its code is not `code`.

        m⁽ˡ⁾ₜ = (a⁽ˡ⁻¹⁾ₜ ≠ code)

    >>> PaddingMask().output_shape(12)
    (12,)

    Shapes: [*places] -> the same, true or false.
    """

    code: Position = 0

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"m{here}ₜ = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}ₜ ≠ {self.code}"

    def label(self) -> str:
        return f"PaddingMask {self.code}"


@dataclass(frozen=True)
class MaskedFill(Layer):
    """Puts `value` at the places that are not real, so that what they held reaches nobody.

        a⁽ˡ⁾ₜ = a⁽ˡ⁻¹⁾ₜ where mₜ ≠ 0, else value

    For layers that look at neighbours and take no mask, such as convolutions. `mask` names a signal
    that is not zero where a place is real; without it, it is the second input.

    >>> MaskedFill().output_shapes([(12, 64), (12,)])
    ((12, 64),)

    Shapes: [*places, features], [*places] -> [*places, features].
    """

    most_inputs: ClassVar[int | None] = 2

    value: _Number = 0.0
    _: KW_ONLY
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def infer(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2 or inputs[1] != inputs[0][:-1]:
            raise Misfit(
                "places with features, and a mask with a number for each place",
                "Name the mask of what has as many places, such as the codes or Masking().",
                output=inputs[0],
            )
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, mask = sources or ("⁽ˡ⁻¹⁾", "⁽ᵐ⁾")
        return f"a{here}ₜ = a{source}ₜ where a{mask}ₜ ≠ 0, else {self.value:g}"

    def label(self) -> str:
        return f"MaskedFill {self.value:g}"


@dataclass(frozen=True)
class Select(Layer):
    """Picks one place of an axis, which goes away: the first token, the last place.

        a⁽ˡ⁾ = a⁽ˡ⁻¹⁾[position]

    Negative positions count from the end. With `mask`, the name of a signal that is not zero where
    a place is real, only real places are counted: −1 is the last real place of each sample. Where
    there are too few, the result is zero.

    >>> Select(0).output_shape((12, 64)), Select(-1, axis=1).output_shape((12, 5, 3))
    ((64,), (12, 3))

    Shapes: [..., n, ...] -> [..., ...].
    """

    position: Position = 0
    _: KW_ONLY
    axis: AxisField = 0
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def infer(self, *inputs: Shape) -> Shape:
        shape, *masks = inputs
        if not -len(shape) <= self.axis < len(shape):
            raise Misfit(f"an axis {self.axis}", f"Name one of the {len(shape)} axes, from 0.")
        axis = self.axis % len(shape)
        output = (*shape[:axis], *shape[axis + 1 :])
        if not -shape[axis] <= self.position < shape[axis]:
            raise Misfit(
                f"a place {self.position} along axis {axis}",
                f"Name one of the {shape[axis]} places, from 0, or from -1 at the end.",
                output=output,
            )
        if any(axis != 0 or mask != shape[:1] for mask in masks):
            raise Misfit(
                f"a mask of shape {shape[:1]} and axis=0",
                "Make the mask of what has as many places, such as the codes or Masking().",
                came=f"got {shape}, a mask of shape {masks[0]} and axis={self.axis}",
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        real_places = f", of the places where a{sources[1]} ≠ 0" if len(sources) > 1 else ""
        return f"a{here} = a{source}[{self.position}]{real_places} along axis {self.axis}"

    def label(self) -> str:
        return f"Select {self.position} · axis {self.axis}"
