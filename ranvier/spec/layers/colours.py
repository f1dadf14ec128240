"""Colours of pictures changed at random in training, every picture by draws of its own.

u ~ U(−1, 1) for each picture. Numbers are held between the limits; (0, 1) suits scaled pictures,
(0, 255) bytes. In evaluation nothing is changed.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.spec.fields import real, whole
from ranvier.spec.layer import Layer
from ranvier.spec.layers.augmentation import Amount, Augments, Chance, Limits


@dataclass(frozen=True)
class RandomBrightness(Augments, Layer):
    """Adds `amount` · u of the range between the limits to every number of a picture.

        a⁽ˡ⁾ = clip(x + amount u (high − low), low, high)

    Shapes: [H, W, channels] -> the same.
    """

    meaning_of: ClassVar[str] = "clip(x + amount u (high − low))"

    amount: Amount
    _: KW_ONLY
    limits: Limits = (0.0, 1.0)


@dataclass(frozen=True)
class RandomContrast(Augments, Layer):
    """Draws every number of a picture to its channel's mean, or away from it.

        a⁽ˡ⁾ = clip(mean + (1 + amount u) (x − mean), low, high)

    Shapes: [H, W, channels] -> the same.
    """

    meaning_of: ClassVar[str] = "clip(mean + (1 + amount u) (x − mean))"
    operations: ClassVar[int] = 4

    amount: Amount
    _: KW_ONLY
    limits: Limits = (0.0, 1.0)


@dataclass(frozen=True)
class RandomSaturation(Augments, Layer):
    """Draws the colours of a picture to grey, or away from it.

        a⁽ˡ⁾ = clip(grey + (1 + amount u) (x − grey), low, high),
        grey = 0.299 red + 0.587 green + 0.114 blue

    Shapes: [H, W, 3] -> the same.

    Reference: ITU-R BT.601 (grey).
    """

    meaning_of: ClassVar[str] = "clip(grey + (1 + amount u) (x − grey))"
    channels: ClassVar[int | None] = 3
    operations: ClassVar[int] = 4

    amount: Amount
    _: KW_ONLY
    limits: Limits = (0.0, 1.0)


@dataclass(frozen=True)
class RandomHue(Augments, Layer):
    """Turns the colours of a picture on their circle by `amount` · u of a full turn.

        hue ← (hue + amount u) mod 1, saturation and value as they are

    Shapes: [H, W, 3] -> the same.

    Reference: Smith 1978, Color gamut transform pairs (HSV).
    """

    meaning_of: ClassVar[str] = "x with hue + amount u"
    channels: ClassVar[int | None] = 3
    operations: ClassVar[int] = 20

    amount: Annotated[float, real("a number from 0 to 0.5", lambda value: 0 <= value <= 0.5)]
    _: KW_ONLY
    limits: Limits = (0.0, 1.0)


@dataclass(frozen=True)
class RandomGrayscale(Augments, Layer):
    """Makes a picture grey with probability `rate`, in all three channels.

        a⁽ˡ⁾ = 0.299 red + 0.587 green + 0.114 blue, or x

    Shapes: [H, W, 3] -> the same.
    """

    meaning_of: ClassVar[str] = "grey or x"
    channels: ClassVar[int | None] = 3

    rate: Chance


@dataclass(frozen=True)
class RandomSolarize(Augments, Layer):
    """Inverts what is at least as bright as `threshold`, with probability `rate`.

        a⁽ˡ⁾ = low + high − x where x ≥ threshold, else x

    Shapes: [H, W, channels] -> the same.
    """

    meaning_of: ClassVar[str] = "low + high − x where x ≥ threshold, else x"

    rate: Chance
    _: KW_ONLY
    threshold: Annotated[float, real("a finite number")] = 0.5
    limits: Limits = (0.0, 1.0)


@dataclass(frozen=True)
class RandomPosterize(Augments, Layer):
    """Leaves 2^`bits` levels of each channel, with probability `rate`.

        a⁽ˡ⁾ = ⌊256 s / 2^(8 − bits)⌋ 2^(8 − bits) / 255 of the range, s = (x − low) / (high − low)

    as the top bits of bytes are kept.

    Shapes: [H, W, channels] -> the same.
    """

    meaning_of: ClassVar[str] = "2^bits levels of x, or x"
    operations: ClassVar[int] = 4

    rate: Chance
    _: KW_ONLY
    bits: Annotated[int, whole(1, 8)] = 4
    limits: Limits = (0.0, 1.0)
