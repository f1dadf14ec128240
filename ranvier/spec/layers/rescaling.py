"""Numbers brought to another scale by a factor and a shift that are known beforehand."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from ranvier.core.shapes import Shape
from ranvier.spec.fields import real
from ranvier.spec.layer import Layer, elementwise

_Number = Annotated[float, real("a finite number")]


@dataclass(frozen=True)
class Rescale(Layer, other_spellings=("rescaling", "scale")):
    """Multiplies every number by `scale` and adds `offset`; nothing is learnt.

        a⁽ˡ⁾ = scale · a⁽ˡ⁻¹⁾ + offset

    Bytes of a picture become numbers from −1 to 1 by `Rescale(1 / 127.5, offset=-1)`.

    >>> Rescale(1 / 255).output_shape((28, 28, 1))
    (28, 28, 1)

    Shapes: any -> the same.
    """

    scale: _Number
    _: KW_ONLY
    offset: _Number = 0.0

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 1 + (self.offset != 0))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        shift = f" {'+' if self.offset > 0 else '−'} {abs(self.offset):g}" if self.offset else ""
        return f"a{here} = {self.scale:g} a{(sources or ('⁽ˡ⁻¹⁾',))[0]}{shift}"

    def label(self) -> str:
        shift = f" {'+' if self.offset > 0 else '−'} {abs(self.offset):g}" if self.offset else ""
        return f"Rescale · {self.scale:g}{shift}"
