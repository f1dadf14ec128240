"""The way into a network for a row of a table: numbers and categories become features."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Literal

from ranvier.core.errors import NetworkError, suggestion
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule, many, whole
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import A_LAYER, Family, Layer, Parameter, Run
from ranvier.spec.layers.numbers import PeriodicEmbedding
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal


def _accept_numbers(value: Any) -> Layer | None:
    if value is None:
        return None
    if value == "periodic":
        return PeriodicEmbedding()
    if isinstance(value, str):
        raise NetworkError(suggestion(value, ["periodic"]))
    return A_LAYER.accept(value)


def _accept_embedding(value: Any) -> int | str:
    return value if value == "fastai" else whole(1).accept(value)


_Numbers = Annotated[
    Layer | Literal["periodic"] | None,
    Rule("'periodic', a layer for the numbers, or None", _accept_numbers, layers=True),
]
_Embedding = Annotated[
    int | Literal["fastai"],
    Rule("a whole number of features per column, or 'fastai'", _accept_embedding),
]
_Cardinalities = Annotated[
    tuple[int, ...], many(whole(1, 2**31), "per category column the number of its codes")
]


@dataclass(frozen=True)
class TableFeatures(Layer):
    """Makes features of a row: numbers as they are or embedded, categories one-hot or embedded.

        a⁽ˡ⁾ = [g(x); onehot(c); E[c]],  x the numeric columns, c the category codes

    The row holds the `numeric` columns, then a code per category column: 0 for missing or unseen,
    known values from 1, so a column of cardinality K has K − 1 known values. Missing is all zeros
    in a one-hot column; a column of two known values is a single −1 or +1. `numbers` is a layer
    for the numeric columns, such as `PeriodicEmbedding()` (also spelled "periodic").

    Columns of at most `one_hot_up_to` known values are one-hot, others are embedded in `embedding`
    features each: 8 and 8 as in RealMLP. "fastai" gives min(600, round(1.6 K^0.56)) instead.

    >>> TableFeatures(numeric=3, cardinalities=(3, 5, 100)).output_shape(6)
    (16,)

    Shapes: [numeric + categories] -> [features].

    Reference: Holzmüller et al. 2024, arXiv:2407.04491 (8 features); Howard & Gugger 2020,
    arXiv:2002.04688 (fastai's rule).
    """

    family: ClassVar[Family] = "embedding"

    _: KW_ONLY
    numeric: Annotated[int, whole(0)]
    cardinalities: _Cardinalities
    embedding: _Embedding = 8
    one_hot_up_to: Annotated[int, whole(0)] = 8
    numbers: _Numbers = None
    initializer: InitializerField = Initializer("normal", std=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.numeric + len(self.cardinalities) == 0:
            raise NetworkError(
                f"{self.name or 'TableFeatures'}: got no column at all; expected numeric columns, "
                "cardinalities of category columns, or both."
            )

    @property
    def columns(self) -> int:
        """Columns of a row: the numeric ones and the categories'."""
        return self.numeric + len(self.cardinalities)

    def one_hot_columns(self) -> list[tuple[int, int]]:
        """(position, cardinality) of the category columns that become zeros and ones."""
        limit = self.one_hot_up_to + 1
        return [(i, k) for i, k in enumerate(self.cardinalities) if k <= limit]

    def embedded_columns(self) -> dict[int, list[tuple[int, int]]]:
        """(position, cardinality) of the columns that are embedded, by how many features."""
        groups: dict[int, list[tuple[int, int]]] = {}
        for i, k in enumerate(self.cardinalities):
            if k > self.one_hot_up_to + 1:
                groups.setdefault(self.embedding_units(k), []).append((i, k))
        return groups

    def embedding_units(self, cardinality: int) -> int:
        """Features of an embedded column that has this many codes."""
        if isinstance(self.embedding, int):
            return self.embedding
        return min(600, round(1.6 * cardinality**0.56))

    def category_features(self) -> int:
        """Features that all category columns give together."""
        one_hot = sum(1 if k == 3 else k - 1 for _, k in self.one_hot_columns())
        return one_hot + sum(u * len(group) for u, group in self.embedded_columns().items())

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (row,) = signals
        numbers: Shape = (self.numeric,)
        if isinstance(self.numbers, Layer) and self.numeric:
            signals = (row, *run("numbers", self.numbers, run.part(row, numbers)))
            numbers = signals[1].shape
        features = (numbers[-1] + self.category_features(),)
        if row.shape != (self.columns,):
            raise Misfit(
                f"({self.columns},): {self.numeric} numeric columns and "
                f"{len(self.cardinalities)} of categories",
                "Describe the table that comes: numeric=… and a cardinality per category column.",
                output=features,
            )
        if len(numbers) != 1 or features == (0,):
            raise Misfit(
                "(features,), one or more",
                "Give `numbers` a layer that ends in one axis, and columns that say something.",
                came=f"makes {numbers} of the numbers and {self.category_features()} features of "
                "the categories",
                output=features,
            )
        return Joined(features, signals)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        start = initializer(self.initializer or "normal")
        return {
            f"embedding_{units}": Parameter(
                (sum(k for _, k in group), units), start, fan_in=1, fan_out=units
            )
            for units, group in self.embedded_columns().items()
        }

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        parts = []
        if self.numeric:
            parts.append(f"a{sources[1]}" if len(sources) > 1 else "x")
        if self.one_hot_columns():
            parts.append("onehot(c)")
        if self.embedded_columns():
            parts.append(f"E{here}[c]")
        return f"a{here} = [{'; '.join(parts)}], [x; c] = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"

    def label(self) -> str:
        return f"Table: {self.numeric} numbers, {len(self.cardinalities)} categories"

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return ((self.columns,),)

    def initialisation(self) -> str:
        start = initializer(self.initializer or "normal")
        return f"{start.function}: {start.meaning}" if self.embedded_columns() else ""
