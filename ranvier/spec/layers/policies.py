"""Policies of augmentation: which change a picture gets is drawn as well."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.spec.fields import whole
from ranvier.spec.layer import Layer
from ranvier.spec.layers.augmentation import Augments, Chance, Fill, Limits


@dataclass(frozen=True)
class TrivialAugment(Augments, Layer):
    """Does one thing to every picture, drawn evenly from a list, as strong as a draw says.

    The list: nothing, shear and shift along either side, rotation, brightness, contrast, colour,
    sharpness, posterize, solarize, equalize, autocontrast, at their widest ranges. Nothing has to
    be tuned.

        a⁽ˡ⁾ = opₖ(x, m),  k uniform, m ~ U(0, 1)

    Shapes: [H, W, 3] -> the same.

    Reference: Müller & Hutter 2021, arXiv:2103.10158.
    """

    meaning_of: ClassVar[str] = "opₖ(x, m), k and m at random"
    channels: ClassVar[int | None] = 3
    operations: ClassVar[int] = 60

    _: KW_ONLY
    limits: Limits = (0.0, 1.0)
    fill: Fill = "zero"


@dataclass(frozen=True)
class RandAugment(Augments, Layer):
    """Does several things to every picture one after the other, all equally strong.

    The things are those of `TrivialAugment` at narrower ranges, drawn anew each time.

        a⁽ˡ⁾ = op_kₙ(… op_k₁(x, magnitude) …, magnitude)

    Shapes: [H, W, 3] -> the same.

    Reference: Cubuk et al. 2020, arXiv:1909.13719.
    """

    meaning_of: ClassVar[str] = "op(… op(x, magnitude) …, magnitude), ops at random"
    channels: ClassVar[int | None] = 3
    operations: ClassVar[int] = 120

    times: Annotated[int, whole(1, 16)] = 2
    _: KW_ONLY
    magnitude: Chance = 0.3
    limits: Limits = (0.0, 1.0)
    fill: Fill = "zero"
