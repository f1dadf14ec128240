"""Embeddings of numbers: one number becomes several features, so that a bend is easy to learn."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Positive, Rule, many, real, whole
from ranvier.spec.initializers import ZEROS, Initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.trace import Misfit


def _one_row(shape: Shape, columns: int | None, output: Shape) -> None:
    if len(shape) != 1 or columns not in (None, shape[0]):
        raise Misfit(
            f"({columns or 'columns'},): a number per column",
            "Give it the numeric columns of a table, each with its own place.",
            output=output,
        )


def _after(function: ActivationField, formula: str) -> str:
    described = activation(function)
    return f"{described.function}({formula})" if described else formula


@dataclass(frozen=True)
class PeriodicEmbedding(Layer):
    """Turns each number into waves of learnt frequencies and mixes them, beside the number itself.

        e_j = [x_j; f(V_j cos(2π w_j x_j + φ_j) + d_j)],  w_j ~ N(0, deviation²), φ_j ~ U(−π, π)

    `frequencies` waves per column give `units` features per column, the number itself among them.
    Without an activation this is RealMLP's PBLD; with relu it is near to PLR.

    >>> PeriodicEmbedding().output_shape(6)
    (24,)

    Shapes: [columns] -> [columns · units], column by column.

    Reference: Holzmüller et al. 2024, arXiv:2407.04491, sec. 3; Gorishniy et al. 2022,
    arXiv:2203.05556.
    """

    family: ClassVar[Family] = "embedding"

    _: KW_ONLY
    units: Annotated[int, whole(2)] = 4
    frequencies: Count = 16
    deviation: Positive = 0.1
    activation: ActivationField = None

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        _one_row(shape, None, output=(self.units,))
        return (shape[0] * self.units,)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        columns, waves, mixed = inputs[0][0], self.frequencies, self.units - 1
        reach = 1 / math.sqrt(waves)
        linear = Initializer("uniform", low=-reach, high=reach)
        return {
            "frequency": Parameter((columns, waves), Initializer("normal", std=self.deviation)),
            "phase": Parameter(
                (columns, waves), Initializer("uniform", low=-math.pi, high=math.pi)
            ),
            "weight": Parameter((columns, mixed, waves), linear, fan_in=waves, fan_out=mixed),
            "bias": Parameter((columns, mixed), linear, fan_in=waves, fan_out=mixed),
        }

    def flops(self, *inputs: Shape) -> int:
        columns, waves, mixed = inputs[0][0], self.frequencies, self.units - 1
        return columns * (4 * waves + mixed * (2 * waves + 1 + (self.activation is not None)))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        mixed = _after(self.activation, "Vⱼ cos(2π wⱼ xⱼ + φⱼ) + dⱼ")
        return f"a{here}ⱼ = [xⱼ; {mixed}], x = a{source}"

    def initialisation(self) -> str:
        mixtures = f"mixtures U(±1/√{self.frequencies})"
        return f"frequencies N(0, {self.deviation:g}²), phases U(−π, π), {mixtures}"


def _check_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    if len(edges) < 2 or any(right <= left for left, right in zip(edges, edges[1:], strict=False)):
        raise NetworkError("Edges must rise, two or more per column.")
    return edges


_NUMBERS = many(real("a finite number"), "numbers")
_Edges = Annotated[
    tuple[tuple[float, ...], ...],
    many(
        Rule("rising edges", lambda value: _check_edges(_NUMBERS.accept(value))),
        "per column its bins' edges, two or more and rising",
        minimum=1,
    ),
]


@dataclass(frozen=True)
class PiecewiseEmbedding(Layer):
    """Draws a curve of each number: a straight line, with a bend of its own in every bin.

        e_j = f(V_j p_j + s_j x_j + d_j),  p_jt = clip((x_j − b_jt₋₁) / (b_jt − b_jt₋₁), 0, 1)

    Training begins with straight lines (V = 0) and bends them where the rows ask for it. Outside
    the edges a curve goes on straight, so that a number further out than any seen in training
    moves the output no faster than inside. The edges are usually quantiles of the training rows.

    >>> PiecewiseEmbedding(edges=((0, 1, 2), (0, 5)), units=8).output_shape(2)
    (16,)

    Shapes: [columns] -> [columns · units], column by column.

    Reference: Gorishniy et al. 2022, arXiv:2203.05556, sec. 3.2; the line beside the bends as in
    Gorishniy, Kotelnikov & Babenko 2025, arXiv:2410.24210.
    """

    family: ClassVar[Family] = "embedding"

    edges: _Edges
    units: Count
    _: KW_ONLY
    activation: ActivationField = None

    @property
    def bins(self) -> int:
        """Bins of the column that has most."""
        return max(len(column) for column in self.edges) - 1

    def infer(self, *inputs: Shape) -> Shape:
        output = (len(self.edges) * self.units,)
        _one_row(inputs[0], len(self.edges), output)
        return output

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        columns = len(self.edges)
        line = Parameter((columns, self.units), Initializer("uniform", low=-1.0, high=1.0))
        bends = (columns, self.units, self.bins)
        return {
            "weight": Parameter(bends, ZEROS, fan_in=self.bins, fan_out=self.units),
            "slope": line,
            "bias": line,
        }

    def flops(self, *inputs: Shape) -> int:
        each = 4 * self.bins + self.units * (2 * self.bins + 3 + (self.activation is not None))
        return len(self.edges) * each

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}ⱼ = {_after(self.activation, 'Vⱼ pⱼ(xⱼ) + sⱼ xⱼ + dⱼ')}, x = a{source}"

    def label(self) -> str:
        return f"PiecewiseEmbedding {self.units}"

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return ((len(self.edges),),)

    def initialisation(self) -> str:
        return "lines U(−1, 1), bends 0"
