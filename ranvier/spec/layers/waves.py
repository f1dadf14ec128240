"""Waves of a number, or of a place on a grid: fixed features from fast to slow, nothing learnt."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Positive, whole
from ranvier.spec.layer import Family, Layer, elementwise
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class SinusoidalEmbedding(Layer, other_spellings=("timestep_embedding", "time_embedding")):
    """Turns each number into waves of it, from fast to slow, as a diffusion model tells its steps.

        a⁽ˡ⁾ = [cos(t ω₀), …; sin(t ω₀), …],  t = a⁽ˡ⁻¹⁾, ωᵢ = base^(−2i/units)

    The fastest wave turns once in 2π, so the numbers should be of the size of steps, such as 0 to
    999. They come out in the precision they came in; whole numbers in single.

    >>> SinusoidalEmbedding(256).output_shape(()), SinusoidalEmbedding(16).output_shape((5,))
    ((256,), (5, 16))

    Shapes: [...] -> [..., units].

    Raises:
        NetworkError: for an odd number of units, as waves come in pairs.

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Ho, Jain & Abbeel 2020, arXiv:2006.11239.
    """

    family: ClassVar[Family] = "embedding"

    units: Annotated[int, whole(2)]
    _: KW_ONLY
    base: Positive = 10_000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units % 2:
            raise NetworkError(
                f"{self.name or 'SinusoidalEmbedding'}.units: got {self.units}; expected an even "
                f"number, as waves come in pairs. Give {self.units + 1}."
            )

    def infer(self, *inputs: Shape) -> Shape:
        return (*inputs[0], self.units)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(self.infer(*inputs), 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = [cos tω; sin tω], t = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"


@dataclass(frozen=True)
class GridPositions(Layer, other_spellings=("sinusoidal_positions_2d", "sincos_positions_2d")):
    """Adds waves of the column and of the row where a place stands in a picture.

        a⁽ˡ⁾[t] = a⁽ˡ⁻¹⁾[t] + [sin xω; cos xω; sin yω; cos yω]
        t = y · columns + x,  ωᵢ = base^(−4i/C)

    The places are those of a grid, row by row, as `PatchEmbedding` gives them.

    >>> GridPositions(16).output_shape((256, 64))
    (256, 64)

    Shapes: [T, C] -> the same; T is a multiple of `columns`, C of 4.

    Reference: Dosovitskiy et al. 2021, arXiv:2010.11929, D.4; Peebles & Xie 2023, arXiv:2212.09748.
    """

    family: ClassVar[Family] = "embedding"

    columns: Count
    _: KW_ONLY
    base: Positive = 10_000.0

    def infer(self, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if len(shape) != 2 or shape[0] % self.columns or shape[1] % 4:
            raise Misfit(
                f"a sequence [places, features]: rows of {self.columns} places, features a "
                "multiple of 4",
                "Give it the patches of a picture, or another number of columns.",
            )
        return shape

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 3)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = a{(sources or ('⁽ˡ⁻¹⁾',))[0]} + [sin xω; cos xω; sin yω; cos yω]"
