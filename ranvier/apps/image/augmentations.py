"""What changes pictures in training: chosen by what the data shows, or named by the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ranvier.apps.image.networks import FEW_PICTURES
from ranvier.core.errors import ConfigError, suggestion
from ranvier.data.image.encode import PictureEncoder
from ranvier.spec import (
    Layer,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomSaturation,
    TrivialAugment,
)

# Of a side: as far as objects are usually off the middle that people crop them to.
SHIFT = 0.07


@dataclass(frozen=True)
class Canvas:
    """What augmentation must know of standardised pictures: their shape, and what black and white
    became.
    """

    height: int
    width: int
    channels: int
    limits: tuple[float, float]

    @classmethod
    def of(cls, encoder: PictureEncoder) -> Canvas:
        """That of pictures standardised by the encoder's mean and deviation."""
        scales = list(zip(encoder.mean, [max(d, 1e-7) for d in encoder.deviation], strict=True))
        low = min((0 - mean) / deviation for mean, deviation in scales)
        high = max((255 - mean) / deviation for mean, deviation in scales)
        return cls(*encoder.form.shape, limits=(low, high))

    @property
    def shift(self) -> int:
        """How many places a picture is shifted at most."""
        return max(1, round(SHIFT * min(self.height, self.width)))


def _shift(canvas: Canvas) -> list[Layer]:
    return [RandomCrop(canvas.height, canvas.width, padding=canvas.shift, fill="edge")]


def _affine(canvas: Canvas) -> list[Layer]:
    return [RandomAffine(rotation=10, translation=SHIFT, zoom=0.1, shear=5, fill="edge")]


def _colour(canvas: Canvas) -> list[Layer]:
    plain: list[Layer] = [
        RandomBrightness(0.15, limits=canvas.limits),
        RandomContrast(0.3, limits=canvas.limits),
    ]
    return [*plain, *[RandomSaturation(0.3, limits=canvas.limits)] * (canvas.channels == 3)]


_LAYERS: dict[str, Callable[[Canvas], list[Layer]]] = {
    "shift": _shift,
    "affine": _affine,
    "flip": lambda canvas: [RandomFlip()],
    "flip_vertical": lambda canvas: [RandomFlip("vertical")],
    "turn": lambda canvas: [RandomRotation(180, fill="reflect")],
    "colour": _colour,
    "trivial": lambda canvas: [TrivialAugment(limits=canvas.limits, fill="edge")],
    "erase": lambda canvas: [RandomErasing(0.5, area=(0.02, 0.2))],
}
NAMES = tuple(_LAYERS)
"""What `augmentation` may name: parts moved, mirrored, turned, coloured or covered."""


def named_layers(names: Sequence[str], canvas: Canvas) -> tuple[Layer, ...]:
    """The layers that the names stand for, in their order, with amounts for such pictures.

    Raises:
        ConfigError: for a name that is not known, or that wants colour where there is none.
    """
    strange = [name for name in names if name not in _LAYERS]
    if strange:
        raise ConfigError(
            f"augmentation {','.join(names)!r}: {', '.join(map(repr, strange))} is not known; "
            f"expected none, or names with commas between. {suggestion(strange[0], NAMES)}"
        )
    if "trivial" in names and canvas.channels != 3:
        raise ConfigError(
            "augmentation trivial: it changes colours, but the pictures are grey. "
            "Leave it out, or set channels to rgb."
        )
    return tuple(layer for name in names for layer in _LAYERS[name](canvas))


def names_of(text: str) -> tuple[str, ...]:
    """The names in a setting such as `shift,flip,erase`; `none` is for none.

    >>> names_of("shift, flip"), names_of("none")
    (('shift', 'flip'), ())
    """
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    return () if names == ("none",) else names


@dataclass(frozen=True)
class Symmetries:
    """What pictures may have done to them and still be of their class, and how that is known."""

    flips: bool = False
    flips_vertically: bool = False
    turns: bool = False
    evidence: str = "nothing shows that mirror images are alike"


def usual_names(
    canvas: Canvas, symmetries: Symmetries, *, rows: int
) -> tuple[tuple[str, ...], str]:
    """What pictures get where nobody says, and why."""
    if min(canvas.height, canvas.width) < 8:
        return (), "pictures of so few points are changed by any move"
    flips = [
        *["flip"] * symmetries.flips,
        *["flip_vertical"] * symmetries.flips_vertically,
        *["turn"] * symmetries.turns,
    ]
    is_few = rows < FEW_PICTURES
    names = ["affine" if is_few or not flips else "shift", *flips]
    names += ["colour"] * (canvas.channels == 3)
    names += ["erase"] * bool(flips)
    moves = "small moves keep what a picture shows"
    few = "; few pictures need more of it" if is_few else ""
    return tuple(names), f"{moves}; {symmetries.evidence}{few}"
