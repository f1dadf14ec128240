"""Embeddings of categories: each one is a point that training moves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter


@dataclass(frozen=True)
class Embedding(Layer):
    """Looks up a learnt vector for each whole-number code.

        a⁽ˡ⁾ = E[a⁽ˡ⁻¹⁾]

    Codes go from 0 to `categories` − 1, as whole numbers or as floats that hold whole numbers.

    >>> Embedding(1000, 16).output_shape((12,))
    (12, 16)

    Shapes: [...] -> [..., units].

    Reference: Bengio et al. 2003, JMLR 3; Guo & Berkhahn 2016, arXiv:1604.06737.
    """

    family: ClassVar[Family] = "embedding"

    categories: Count
    units: Count
    _: KW_ONLY
    initializer: InitializerField = Initializer("normal", std=1.0)

    def infer(self, *inputs: Shape) -> Shape:
        return (*inputs[0], self.units)

    @property
    def start(self) -> Initializer:
        """How the vectors start."""
        return initializer(self.initializer or "normal")

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        shape = (self.categories, self.units)
        return {"weight": Parameter(shape, self.start, fan_in=1, fan_out=self.units)}

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = E{here}[a{(sources or ('⁽ˡ⁻¹⁾',))[0]}]"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"
