"""Embeddings of categories: each one is a point that training moves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, optional, whole, word
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.trace import Misfit


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


@dataclass(frozen=True)
class EmbeddingBag(Layer):
    """Looks up a learnt vector for each code of a bag and makes one of them all.

        sum: a⁽ˡ⁾ = Σₜ E[a⁽ˡ⁻¹⁾ₜ]     mean: that, divided by their number     max: the largest

    A text as the mean of its words, without a tensor that holds them all. Codes that equal
    `padding` are left out; a bag of nothing else gives zeros.

    >>> EmbeddingBag(1000, 16).output_shape((12,))
    (16,)

    Shapes: [length] -> [units].

    Reference: Joulin et al. 2017, arXiv:1607.01759 (fastText).
    """

    family: ClassVar[Family] = "embedding"

    categories: Count
    units: Count
    _: KW_ONLY
    mode: Annotated[Literal["mean", "sum", "max"], word("mean", "sum", "max")] = "mean"
    padding: Annotated[int | None, optional(whole(0))] = None
    initializer: InitializerField = Initializer("normal", std=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding is not None and self.padding >= self.categories:
            raise NetworkError(
                f"{self.name or 'EmbeddingBag'}.padding: got {self.padding}; expected one of the "
                f"codes, 0 to {self.categories - 1}."
            )

    @property
    def start(self) -> Initializer:
        """How the vectors start."""
        return initializer(self.initializer or "normal")

    def infer(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise Misfit("(length,), a row of codes", "Give it codes alone.", output=(self.units,))
        return (self.units,)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        shape = (self.categories, self.units)
        return {"weight": Parameter(shape, self.start, fan_in=1, fan_out=self.units)}

    def flops(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.units

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        sign = "Σ" if self.mode == "sum" else self.mode
        return f"a{here} = {sign}ₜ E{here}[a{(sources or ('⁽ˡ⁻¹⁾',))[0]}ₜ]"

    def label(self) -> str:
        return f"EmbeddingBag {self.categories} {self.units} · {self.mode}"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"
