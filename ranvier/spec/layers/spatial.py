"""What layers over space share: places along one to three axes, and a window that walks over them.

n places, k size of the window, d dilation, s stride, p padding before and q after:
the window spans d(k − 1) + 1 places and stands at ⌊(n + p + q − span) / s⌋ + 1 of them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule, many, optional, whole, word
from ranvier.spec.trace import Misfit

MAX_AXES = 3
LAYOUTS = {
    1: "(length, features)",
    2: "(height, width, features)",
    3: "(depth, height, width, features)",
}

Extent = int | tuple[int, ...]
"""A whole number for every axis of space, or a tuple with one for each."""


def per_axis(rule: Rule) -> Rule:
    """What `rule` takes, for every axis of space, or a tuple with one for each."""

    def accept(value: Any) -> Any:
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            return rule.accept(value)
        members = many(rule, rule.wanted, minimum=1).accept(value)
        if len(members) > MAX_AXES:
            raise ValueError
        return members

    return Rule(f"{rule.wanted}, or a tuple of one to {MAX_AXES}: one for each axis", accept)


_PADDINGS = ("same", "valid", "causal")


def padding_rule(*words: str) -> Rule:
    """One of `words`, or whole numbers."""
    numbers, one_word = per_axis(whole(0)), word(*words)

    def accept(value: Any) -> Any:
        return one_word.accept(value) if isinstance(value, str) else numbers.accept(value)

    listed = ", ".join(repr(each) for each in words)
    return Rule(f"{listed}, or a whole number of places, or one for each axis", accept)


Size = Annotated[Extent, per_axis(whole(1))]
Stride = Annotated[Extent | None, optional(per_axis(whole(1)))]
Padding = Annotated[Extent | str, padding_rule("same", "valid")]
CausalPadding = Annotated[Extent | str, padding_rule(*_PADDINGS)]


def agreed_axes(where: str, **fields: Any) -> int | None:
    """How many axes of space the tuples among `fields` speak of; None where all hold for any.

    Raises:
        NetworkError: if they speak of different numbers of axes.
    """
    said = {name: len(value) for name, value in fields.items() if isinstance(value, tuple)}
    if len(set(said.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in said.items())
        raise NetworkError(
            f"{where}: got tuples for different numbers of axes: {listed}; expected one number "
            "for each axis of space in all of them."
        )
    return next(iter(said.values()), None)


def spread(value: Extent, axes: int) -> tuple[int, ...]:
    """One number for each axis.

    >>> spread(3, 2), spread((3, 5), 2)
    ((3, 3), (3, 5))
    """
    return (value,) * axes if isinstance(value, int) else value


def places_of(shape: Shape, axes: int | None, *, features: int | None = None) -> Shape:
    """The places of an input whose features are last; `features` is how many go out.

    Raises:
        Misfit: if the input has another number of axes.
    """
    fits = 2 <= len(shape) <= MAX_AXES + 1 if axes is None else len(shape) == axes + 1
    if fits:
        return shape[:-1]
    known = LAYOUTS.values() if axes is None else [LAYOUTS[axes]]
    if len(shape) == (axes or 1):
        mend = f"Put Reshape({(*shape, 1)}) before it to give every place one feature."
    else:
        mend = "Lay the input out so with a Reshape, the features last."
    laid_out = shape if axes is None or not shape else ((1,) * axes + shape)[-axes - 1 :]
    output = (*laid_out[:-1], features or laid_out[-1]) if laid_out else None
    raise Misfit(" or ".join(known), mend, output=output)


@dataclass(frozen=True)
class Window:
    """A window that walks over places: one number per axis.

    "same" makes ⌈n / stride⌉ places of n: it pads with max(0, (⌈n / stride⌉ − 1) · stride + span −
    n) places, half of them before and, where that is odd, one more after, as TensorFlow does.
    "causal" puts span − 1 places before and none after, so that no place sees a later one.
    `ceil` lets a last window stand that reaches out at the end, if it begins inside.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str | tuple[int, ...]
    _: KW_ONLY
    ceil: bool = False

    @property
    def spans(self) -> tuple[int, ...]:
        """Places that the window covers along each axis, with the gaps of dilation."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True))

    @property
    def moves_nothing(self) -> bool:
        """Whether every place stands for itself alone."""
        return {*self.spans, *self.stride} == {1}

    @property
    def pads_alike(self) -> bool:
        """Whether as much is padded however many places come."""
        return self.padding != "same" or set(self.stride) == {1}

    def pads(self, places: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """How many places are put before and after, along each axis.

        >>> Window((3,), (2,), (1,), "same").pads((8,))
        ((0, 1),)
        """
        if self.padding == "same":
            return tuple(
                _split(max((-(-n // s) - 1) * s + span - n, 0))
                for n, s, span in zip(places, self.stride, self.spans, strict=True)
            )
        if self.padding == "causal":
            return tuple((span - 1, 0) for span in self.spans)
        if self.padding == "valid":
            return ((0, 0),) * len(self.size)
        assert isinstance(self.padding, tuple)
        return tuple((p, p) for p in self.padding)

    def output(self, places: Sequence[int]) -> Shape:
        """How many places the window stands at, along each axis; less than 1 if it never fits."""
        counts = []
        padded = self.pads(places)
        for n, s, span, (before, after) in zip(
            places, self.stride, self.spans, padded, strict=True
        ):
            room = n + before + after - span
            count = (-(-room // s) if self.ceil else room // s) + 1
            # A window that begins beyond the places and the padding before them sees nothing.
            counts.append(count - (self.ceil and (count - 1) * s >= n + before))
        return tuple(counts)

    def over(self, places: Shape, features: int) -> Shape:
        """The shape that comes out with `features`.

        Raises:
            Misfit: if the window is wider than the padded places.
        """
        output = self.output(places)
        if min(output) >= 1:
            return (*output, features)
        needed = tuple(
            max(1, span - before - after)
            for span, (before, after) in zip(self.spans, self.pads(places), strict=True)
        )
        raise Misfit(
            f"at least {needed} places and the features: the window spans {self.spans}",
            "Make the window smaller, pad with padding='same', or reduce the places less before.",
            output=(*(max(1, count) for count in output), features),
        )


def _split(total: int) -> tuple[int, int]:
    return total // 2, total - total // 2


def across(value: Extent) -> str:
    """Sizes as people say them.

    >>> across(3), across((3, 5))
    ('3', '3×5')
    """
    return str(value) if isinstance(value, int) else "×".join(map(str, value))
