"""What is done to data on the way in: it ships with the network, numbers found on data and all."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ranvier.core.errors import DataError, NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Rule, many, real, whole, word
from ranvier.spec.layer import Family, Layer, elementwise
from ranvier.spec.trace import Misfit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FINITE = real("a finite number")
Numbers = Annotated[tuple[float, ...], many(FINITE, "one or more finite numbers", minimum=1)]


def _accept_variances(value: Any) -> tuple[float, ...]:
    at_least_zero = real("a number of at least 0", lambda number: number >= 0)
    accepted: tuple[float, ...] = many(at_least_zero, "", minimum=1).accept(value)
    return accepted


def finite_rows(where: str, data: ArrayLike) -> NDArray[Any]:
    """The data as float64, at least one row.

    Raises:
        DataError: for data that is empty, or holds what is no finite number.
    """
    import numpy as np

    values = np.asarray(data, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        missing = int(values.size - np.isfinite(values).sum())
        raise DataError(
            f"{where}: got data of shape {values.shape} with {missing} numbers that are not "
            "finite; expected one row or more of finite numbers. Fill or leave out what is missing."
        )
    return values


@dataclass(frozen=True)
class Normalization(Layer, other_spellings=("standardize", "standard_scaler")):
    """Sets each feature to mean 0 and variance 1, by the mean and variance of data seen before.

        a⁽ˡ⁾ = (a⁽ˡ⁻¹⁾ − mean) / max(√variance, 10⁻⁷)

    >>> Normalization.fit([[1.0, 10.0], [3.0, 30.0]])
    Normalization((2.0, 20.0), (1.0, 100.0))

    Shapes: [..., features] -> the same.
    """

    family: ClassVar[Family] = "normalisation"

    mean: Numbers
    variance: Annotated[
        tuple[float, ...], Rule("as many numbers of at least 0 as means", _accept_variances)
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.mean) != len(self.variance):
            raise NetworkError(
                f"{self.name or 'Normalization'}: got {len(self.mean)} means and "
                f"{len(self.variance)} variances; expected one of each per feature."
            )

    @classmethod
    def fit(cls, data: ArrayLike, *, name: str | None = None) -> Normalization:
        """The layer for data [rows, ..., features], over all axes but the last.

        Raises:
            DataError: for data that is empty, or holds what is no finite number.
        """
        values = finite_rows("Normalization.fit", data)
        rows = values.reshape(-1, values.shape[-1])
        mean, variance = rows.mean(axis=0), rows.var(axis=0)
        return cls(tuple(mean.tolist()), tuple(variance.tolist()), name=name)

    def deviations(self) -> tuple[float, ...]:
        """What each feature is divided by."""
        return tuple(max(math.sqrt(each), 1e-7) for each in self.variance)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape or shape[-1] != len(self.mean):
            raise Misfit(
                f"(..., {len(self.mean)}), the features it was fitted on",
                "Give it the features in the same order, or fit it anew.",
            )
        return shape

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = (a{(sources or ('⁽ˡ⁻¹⁾',))[0]} − mean) / √variance"

    def label(self) -> str:
        return f"Normalization {len(self.mean)}"


@dataclass(frozen=True)
class Rescaling(Layer):
    """Multiplies every number and adds another: bytes of a picture become numbers from 0 to 1.

        a⁽ˡ⁾ = scale · a⁽ˡ⁻¹⁾ + offset

    Shapes: any -> the same.
    """

    family: ClassVar[Family] = "normalisation"

    scale: Annotated[float, FINITE]
    _: KW_ONLY
    offset: Annotated[float, FINITE] = 0.0

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        offset = f" + {self.offset:g}" if self.offset else ""
        return f"a{here} = {self.scale:g} a{(sources or ('⁽ˡ⁻¹⁾',))[0]}{offset}"

    def label(self) -> str:
        return f"Rescaling {self.scale:g}"


def _accept_edges(value: Any) -> tuple[float, ...]:
    edges: tuple[float, ...] = many(FINITE, "", minimum=1).accept(value)
    if any(right <= left for left, right in zip(edges, edges[1:], strict=False)):
        raise ValueError
    return edges


@dataclass(frozen=True)
class Discretization(Layer, other_spellings=("bucketize", "binning")):
    """Says in which bin each number lies.

        a⁽ˡ⁾ = how many edges are at most a⁽ˡ⁻¹⁾

    E edges make E + 1 bins, the outer ones without end; a number on an edge is right of it.

    >>> Discretization.fit([0.0, 1.0, 2.0, 3.0], bins=2)
    Discretization((1.5,))

    Shapes: any -> the same, whole numbers.
    """

    family: ClassVar[Family] = "embedding"

    edges: Annotated[tuple[float, ...], Rule("one rising edge or more", _accept_edges)]

    @classmethod
    def fit(cls, data: ArrayLike, *, bins: int, name: str | None = None) -> Discretization:
        """The layer whose bins hold equally many of the numbers: its edges are quantiles.

        Where many numbers are equal, edges fall together and there are fewer bins.

        Raises:
            DataError: for data that is empty, or holds what is no finite number.
        """
        import numpy as np

        values = finite_rows("Discretization.fit", data).ravel()
        edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
        return cls(tuple(edges.tolist()), name=name)

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], len(self.edges).bit_length())

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = #{{edge ≤ a{source}}}, {len(self.edges)} edges"

    def label(self) -> str:
        return f"Discretization {len(self.edges) + 1}"


Counting = Literal["one_hot", "multi_hot", "count"]


@dataclass(frozen=True)
class CategoryEncoding(Layer):
    """Turns codes into zeros and ones, or into how often each occurs.

        one_hot     a⁽ˡ⁾_tk = [c_t = k]
        multi_hot   a⁽ˡ⁾_k = maxₜ [c_t = k]
        count       a⁽ˡ⁾_k = Σₜ [c_t = k]

    A code that is none of 0 … categories − 1 gives no one.

    >>> CategoryEncoding(5).output_shape(3), CategoryEncoding(5, mode="count").output_shape(3)
    ((3, 5), (5,))

    Shapes: one_hot: [...] -> [..., categories]; else [..., codes] -> [..., categories].
    """

    family: ClassVar[Family] = "embedding"

    categories: Count
    _: KW_ONLY
    mode: Annotated[Counting, word("one_hot", "multi_hot", "count")] = "one_hot"

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if self.mode == "one_hot":
            return (*shape, self.categories)
        if not shape:
            raise Misfit(
                "(..., codes): several codes, which are taken together",
                "Use mode='one_hot' for a single code.",
                output=(self.categories,),
            )
        return (*shape[:-1], self.categories)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        collected = {"one_hot": "", "multi_hot": "maxₜ ", "count": "Σₜ "}[self.mode]
        return f"a{here}ₖ = {collected}[c = k], c = a{source}"


@dataclass(frozen=True)
class Hashing(Layer):
    """Puts codes, or texts as bytes, into `bins` by a hash, so that no vocabulary is needed.

        a⁽ˡ⁾ = hash(a⁽ˡ⁻¹⁾, salt) mod bins

    Another `salt` gives other collisions. With `texts` the last axis holds the bytes of a text, as
    `encode_text` makes them.

    >>> Hashing(100).output_shape(3), Hashing(100, texts=True).output_shape((3, 16))
    ((3,), (3,))

    Shapes: [...] -> [...]; texts: [..., bytes] -> [...]; whole numbers.

    Reference: Weinberger et al. 2009, arXiv:0902.2206.
    """

    family: ClassVar[Family] = "embedding"

    bins: Count
    _: KW_ONLY
    salt: Annotated[int, whole(0)] = 0
    texts: Flag = False

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not self.texts:
            return shape
        return texts_shape(shape)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = hash(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}) mod {self.bins}"


def texts_shape(shape: Shape) -> Shape:
    """The shape of texts without the axis of their bytes.

    Raises:
        Misfit: if there is no such axis.
    """
    if not shape:
        raise Misfit(
            "(..., bytes): texts as bytes", "Encode the strings first, with encode_text.", output=()
        )
    return shape[:-1]


_Columns = many(whole(0), "columns", minimum=2)


@dataclass(frozen=True)
class FeatureCross(Layer, other_spellings=("hashed_crossing",)):
    """Makes one code of the codes of several columns, for every combination in `columns`.

        a⁽ˡ⁾_j = hash(c_i, c_k, …) mod bins,  (i, k, …) = columns_j

    A linear layer over it knows what a pair of values says that neither says alone.

    >>> FeatureCross(((0, 1), (0, 2)), bins=1000).output_shape(3)
    (2,)

    Shapes: [..., codes] -> [..., crosses], whole numbers.

    Reference: Cheng et al. 2016, arXiv:1606.07792.
    """

    family: ClassVar[Family] = "embedding"

    columns: Annotated[
        tuple[tuple[int, ...], ...],
        many(_Columns, "tuples of two columns or more, such as ((0, 1), (0, 2))", minimum=1),
    ]
    _: KW_ONLY
    bins: Count
    salt: Annotated[int, whole(0)] = 0

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        last = max(max(each) for each in self.columns)
        if not shape or shape[-1] <= last:
            raise Misfit(
                f"(..., codes) with at least {last + 1} columns of codes",
                "Count columns from 0, and cross such as there are.",
                output=(*shape[:-1], len(self.columns)),
            )
        return (*shape[:-1], len(self.columns))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here}ⱼ = hash(cᵢ, cₖ, …) mod {self.bins}, c = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"

    def label(self) -> str:
        return f"FeatureCross {len(self.columns)}"
