"""Padding and cropping: places put around what comes, or cut off."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, Literal

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule, many, real, whole, word
from ranvier.spec.layer import Layer, TorchModule
from ranvier.spec.layers.convolution import check_filled
from ranvier.spec.layers.spatial import LAYOUTS, MAX_AXES, places_of
from ranvier.spec.trace import Misfit

Ends = tuple[int, int]
"""Places at the start and at the end of an axis."""


def _accept_ends(value: Any) -> int | tuple[int | Ends, ...]:
    one = whole(0)
    if not hasattr(value, "__iter__"):
        return one.accept(value)
    axes = many(Rule("a whole number, or a pair (before, after)", _accept_axis), "")
    members = axes.accept(value)
    if not 1 <= len(members) <= MAX_AXES:
        raise ValueError
    return members


def _accept_axis(value: Any) -> int | Ends:
    if not hasattr(value, "__iter__"):
        return whole(0).accept(value)
    before, after = many(whole(0), "").accept(value)
    return before, after


_AtEnds = Annotated[
    int | tuple[int | Ends, ...],
    Rule(
        "a whole number of places, or for each axis a number or a pair (before, after), such as "
        "((1, 0), 2)",
        _accept_ends,
    ),
]


def ends(amount: int | tuple[int | Ends, ...], axes: int) -> tuple[Ends, ...]:
    """(before, after) for each axis.

    >>> ends(1, 2), ends(((1, 0), 2), 2)
    (((1, 1), (1, 1)), ((1, 0), (2, 2)))
    """
    each = (amount,) * axes if isinstance(amount, int) else amount
    return tuple((pair, pair) if isinstance(pair, int) else pair for pair in each)


def _axes(amount: int | tuple[int | Ends, ...]) -> int | None:
    return None if isinstance(amount, int) else len(amount)


def _said(amount: int | tuple[int | Ends, ...]) -> str:
    each = (amount,) if isinstance(amount, int) else amount
    return "×".join(str(e) if isinstance(e, int) else f"{e[0]}+{e[1]}" for e in each)


@dataclass(frozen=True)
class Pad(
    Layer,
    other_spellings=(
        "padding", "zero_padding1d", "zero_padding2d", "zero_padding3d", "zero_pad1d",
        "zero_pad2d", "zero_pad3d", "constant_pad1d", "constant_pad2d", "constant_pad3d",
        "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
        "replication_pad2d", "replication_pad3d", "circular_pad1d", "circular_pad2d",
        "circular_pad3d",
    ),
):  # fmt: skip
    """Puts places around what comes: a constant, its mirror, its last place, or its other end.

        constant  v v|a b c|v v      reflect   c b|a b c|b a
        replicate a a|a b c|c c      circular  b c|a b c|a b

    `amount` is a number for all sides, or for each axis a number or a pair (before, after).

    >>> Pad(((1, 0), 2)).output_shape((5, 5, 3))
    (6, 9, 3)

    Shapes: [*places, features] -> [*places, features].
    """

    amount: _AtEnds
    _: KW_ONLY
    mode: Annotated[
        Literal["constant", "reflect", "replicate", "circular"],
        word("constant", "reflect", "replicate", "circular"),
    ] = "constant"
    value: Annotated[float, real("a finite number")] = 0.0

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        places = places_of(shape, _axes(self.amount))
        pads = ends(self.amount, len(places))
        output = tuple(n + a + b for n, (a, b) in zip(places, pads, strict=True))
        check_filled(self.mode, pads, places, (*output, shape[-1]))
        return (*output, shape[-1])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        by = f"{self.mode} {self.value:g}" if self.mode == "constant" else self.mode
        return f"a{here} = pad(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {_said(self.amount)}; {by})"

    def label(self) -> str:
        return f"Pad {_said(self.amount)} · {self.mode}"


@dataclass(frozen=True)
class Crop(Layer, other_spellings=("cropping1d", "cropping2d", "cropping3d", "cropping")):
    """Cuts places off at the ends of each axis.

        a⁽ˡ⁾ₜ = a⁽ˡ⁻¹⁾_{t + before},  0 ≤ t < n − before − after

    `amount` is a number for all sides, or for each axis a number or a pair (before, after).

    >>> Crop(((1, 0), 2)).output_shape((6, 9, 3))
    (5, 5, 3)

    Shapes: [*places, features] -> [*places, features].
    """

    amount: _AtEnds

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        places = places_of(shape, _axes(self.amount))
        cut = ends(self.amount, len(places))
        output = [n - a - b for n, (a, b) in zip(places, cut, strict=True)]
        if min(output) < 1:
            needed = tuple(a + b + 1 for a, b in cut)
            raise Misfit(
                f"{LAYOUTS[len(places)]} with at least {needed} places",
                "Crop less, or reduce the places less before.",
                output=(*(max(1, n) for n in output), shape[-1]),
            )
        return (*output, shape[-1])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = crop(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {_said(self.amount)})"

    def label(self) -> str:
        return f"Crop {_said(self.amount)}"


@dataclass(frozen=True)
class PadFeatures(Layer):
    """Puts features of zeros before and after those that come.

        a⁽ˡ⁾ = [0; a⁽ˡ⁻¹⁾; 0]

    `amount` is a number for both ends or a pair (before, after). It is the way around a residual
    block that widens, at the cost of no weight.

    >>> PadFeatures(8).output_shape((16, 16, 16)), PadFeatures((0, 1)).output_shape(3)
    ((16, 16, 32), (4,))

    Shapes: [..., features] -> [..., before + features + after].

    Reference: He et al. 2016, arXiv:1512.03385, 3.3 (option A).
    """

    amount: Annotated[
        int | Ends, Rule("a whole number of features, or a pair (before, after)", _accept_axis)
    ]

    @property
    def ends(self) -> Ends:
        """How many features are put before and after."""
        return ends((self.amount,), 1)[0]

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape:
            raise Misfit(
                "at least one axis, the features last", "Put it after a layer that gives features."
            )
        return (*shape[:-1], shape[-1] + sum(self.ends))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = [0; a{(sources or ('⁽ˡ⁻¹⁾',))[0]}; 0]"

    def label(self) -> str:
        return f"PadFeatures {_said((self.amount,))}"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("ConstantPad1d", {"padding": self.ends, "value": 0.0})
