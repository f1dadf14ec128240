"""Pictures changed at random in training, every one of a batch by draws of its own.

In evaluation nothing is changed. u ~ U(−1, 1) for each picture, unless said otherwise.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Literal

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Rule, many, real, whole, word
from ranvier.spec.layer import Family, Layer
from ranvier.spec.layers.pictures import check_picture
from ranvier.spec.trace import Misfit

Chance = Annotated[float, real("a number from 0 to 1", lambda value: 0 <= value <= 1)]
Amount = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]
Fill = Annotated[Literal["reflect", "edge", "zero"], word("reflect", "edge", "zero")]


def _accept_limits(value: Any) -> tuple[float, float]:
    low, high = many(real("a finite number"), "").accept(value)
    if low >= high:
        raise ValueError
    return low, high


Limits = Annotated[tuple[float, float], Rule("two rising numbers, such as (0, 1)", _accept_limits)]


class Augments:
    """What the kinds share: pictures come and go, of the same size.

    `meaning_of` is what is made of the picture x; `channels` how many it must have, if it matters.
    """

    family: ClassVar[Family] = "regularisation"
    meaning_of: ClassVar[str] = ""
    channels: ClassVar[int | None] = None
    operations: ClassVar[int] = 2

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        check_picture(shape)
        if self.channels not in (None, shape[-1]):
            raise Misfit(
                f"(height, width, {self.channels}): red, green, blue",
                "Leave it out for pictures without colour.",
            )
        return shape

    def flops(self, *inputs: Shape) -> int:
        return self.operations * size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = {self.meaning_of}, x = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"

    def label(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class RandomFlip(Augments, Layer):
    """Mirrors a picture, left to right or upside down, each with probability ½.

        a⁽ˡ⁾(i, j) = x(i, W − 1 − j) left to right, x(H − 1 − i, j) upside down, or x(i, j)

    Shapes: [H, W, channels] -> the same.
    """

    meaning_of: ClassVar[str] = "x or its mirror image"
    operations: ClassVar[int] = 0

    direction: Annotated[
        Literal["horizontal", "vertical", "both"], word("horizontal", "vertical", "both")
    ] = "horizontal"


@dataclass(frozen=True)
class RandomCrop(Layer):
    """Takes a part of a picture from anywhere in it, with `padding` places around it first.

        a⁽ˡ⁾(i, j) = x(i + o, j + p),  o, p ~ U of all places that fit

    `fill` says what those places hold. In evaluation it takes the middle.

    Shapes: [H, W, channels] -> [height, width, channels].
    """

    family: ClassVar[Family] = "regularisation"

    height: Count
    width: Count
    _: KW_ONLY
    padding: Annotated[int, whole(0)] = 0
    fill: Fill = "zero"

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        output = (self.height, self.width, shape[-1] if shape else 1)
        check_picture(shape, output)
        room = 2 * self.padding
        if shape[0] + room < self.height or shape[1] + room < self.width:
            raise Misfit(
                f"(height, width, channels) of at least {self.height - room} × {self.width - room}",
                "Crop less, pad more, or put a Resizing before it.",
                output=output,
            )
        if self.fill == "reflect" and self.padding >= min(shape[:2]):
            least = self.padding + 1
            raise Misfit(
                f"(height, width, channels) of at least {least} × {least}: a picture's mirror "
                "image is no wider than the picture",
                'Pad less, or fill with "edge".',
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = x(i + o, j + p), x = a{source}"


class Moves(Augments):
    """What moves the points of a picture, and how far at most: one look-up does it all.

        a⁽ˡ⁾(p) = x(M p),  M = translation · rotation · shear · zoom, about the middle

    `fill` says what is seen from beyond the border.
    """

    meaning_of: ClassVar[str] = "x(M p)"
    operations: ClassVar[int] = 8

    fill: Fill

    def most(self, movement: Literal["rotation", "translation", "zoom", "shear"]) -> float:
        """How far the kind goes in a movement; 0 for one that it does not make."""
        return getattr(self, movement, 0.0)


@dataclass(frozen=True)
class RandomAffine(Moves, Layer):
    """Turns, shifts, slants and zooms a picture, all at once.

    The angle is `rotation` · u degrees and the slant `shear` · u degrees; both sides are shifted by
    `translation` · u of their length (each with its own u); the size is 1 + `zoom` · u.

        a⁽ˡ⁾(p) = x(M p)

    Shapes: [H, W, channels] -> the same.
    """

    _: KW_ONLY
    rotation: Amount = 0.0
    translation: Amount = 0.0
    zoom: Annotated[float, real("a number from 0 up to, but not, 1", lambda v: 0 <= v < 1)] = 0.0
    shear: Annotated[float, real("degrees from 0 up to, but not, 90", lambda v: 0 <= v < 90)] = 0.0
    fill: Fill = "reflect"


@dataclass(frozen=True)
class RandomRotation(Moves, Layer):
    """Turns a picture about its middle by `rotation` · u degrees.

        a⁽ˡ⁾(p) = x(R p)

    Shapes: [H, W, channels] -> the same.
    """

    rotation: Amount
    _: KW_ONLY
    fill: Fill = "reflect"


@dataclass(frozen=True)
class RandomTranslation(Moves, Layer):
    """Shifts a picture along each side by `translation` · u of its length.

        a⁽ˡ⁾(p) = x(p − t)

    Shapes: [H, W, channels] -> the same.
    """

    translation: Amount
    _: KW_ONLY
    fill: Fill = "reflect"


@dataclass(frozen=True)
class RandomZoom(Moves, Layer):
    """Makes what is seen 1 + `zoom` · u times as large.

        a⁽ˡ⁾(p) = x(p / (1 + zoom u))

    Shapes: [H, W, channels] -> the same.
    """

    zoom: Annotated[float, real("a number from 0 up to, but not, 1", lambda v: 0 <= v < 1)]
    _: KW_ONLY
    fill: Fill = "reflect"


def _accept_shares(value: Any) -> tuple[float, float]:
    low, high = _accept_limits(value)
    if low < 0 or high > 1:
        raise ValueError
    return low, high


def _accept_ratio(value: Any) -> tuple[float, float]:
    low, high = _accept_limits(value)
    if low <= 0:
        raise ValueError
    return low, high


@dataclass(frozen=True)
class RandomErasing(Augments, Layer):
    """Sets a box of a picture to `value` with probability `rate`.

    Its share of the area is uniform in `area`, the logarithm of height by width in `ratio`, and its
    place anywhere inside.

        a⁽ˡ⁾(p) = value for p in the box, else x(p)

    Shapes: [H, W, channels] -> the same.

    Reference: Zhong et al. 2020, arXiv:1708.04896.
    """

    meaning_of: ClassVar[str] = "value in a box, else x"

    rate: Chance
    _: KW_ONLY
    area: Annotated[
        tuple[float, float],
        Rule("two rising shares, such as (0.02, 0.33)", _accept_shares),
    ] = (0.02, 0.33)
    ratio: Annotated[
        tuple[float, float],
        Rule("two rising numbers above 0, such as (0.3, 3.3)", _accept_ratio),
    ] = (0.3, 3.3)
    value: Annotated[float, real("a finite number")] = 0.0
