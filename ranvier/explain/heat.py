"""Heat laid over pictures: the picture in grey, and colour where the answer comes from.

N pictures, H × W pixels, C channels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ranvier.explain.colours import COLD, LEVELS, WARM, colour_table

Bytes = NDArray[np.uint8]
Heat = NDArray[np.floating]

# Red, green and blue in the brightness of a picture (ITU-R BT.601).
BRIGHTNESS = np.array([0.299, 0.587, 0.114])
# The picture beneath keeps to the middle greys, so that colour shows on black and on white.
DARKEST_GREY, BRIGHTEST_GREY = 24, 168
STRONGEST = 0.9
SMALLEST_SIDE = 160
LARGEST = 99.0


def scaled(heat_NHW: Heat, *, percentile: float = LARGEST) -> NDArray[np.float64]:
    """Heat from −1 to 1, a picture's own largest sizes at ±1.

    The scale is a percentile of the sizes that are not zero, so that a single pixel does not turn
    all others pale; what is larger is cut. A map of nothing but zeros stays zeros.
    """
    heat_NHW = np.asarray(heat_NHW, dtype=np.float64)
    heat_NHW = np.where(np.isfinite(heat_NHW), heat_NHW, 0.0)
    scales = [
        np.percentile(sizes[sizes > 0], percentile) if sizes.any() else 1.0
        for sizes in np.abs(heat_NHW)
    ]
    return np.clip(heat_NHW / np.reshape(scales, (-1, 1, 1)), -1.0, 1.0)


def overlay(pictures: Bytes, heat_NHW: Heat, *, percentile: float = LARGEST) -> Bytes:
    """The pictures in grey under their heat: warm where it is above zero, cold where below.

    A pixel without heat shows the picture alone, and the more there is, the more its colour covers
    the picture: (1 − 0.9 |h|) grey + 0.9 |h| colour(|h|).

    Shapes: pictures: [N, H, W, C]; heat_NHW: [N, H, W] -> [N, H, W, 3]
    """
    heat_NHW = scaled(heat_NHW, percentile=percentile)
    size = np.abs(heat_NHW)
    level = np.rint(size * (LEVELS - 1)).astype(np.intp)
    warm, cold = _tables()
    colour = np.where((heat_NHW >= 0)[..., None], warm[level], cold[level])
    cover = (STRONGEST * size)[..., None]
    beneath = grey(pictures)[..., None]
    return np.rint((1 - cover) * beneath + cover * colour).astype(np.uint8)


def grey(pictures: Bytes) -> NDArray[np.float64]:
    """The brightness of pictures, brought into the middle greys: `[N, H, W]`."""
    brightness = in_colour(pictures) @ BRIGHTNESS
    return DARKEST_GREY + brightness * ((BRIGHTEST_GREY - DARKEST_GREY) / 255)


def in_colour(pictures: Bytes) -> Bytes:
    """Pictures as a page shows them: `[N, H, W, 3]`.

    One channel is brightness, two are brightness and alpha, three or more begin with red, green and
    blue; the rest is not shown.
    """
    if pictures.shape[-1] < 3:
        return np.repeat(pictures[..., :1], 3, axis=-1)
    return pictures[..., :3]


def factor_for(height: int, width: int, *, smallest: int = SMALLEST_SIDE) -> int:
    """How many times as large a picture is shown, so that its shorter side has so many pixels.

    >>> factor_for(28, 28), factor_for(8, 8), factor_for(224, 224)
    (6, 20, 1)
    """
    return max(1, -(-smallest // min(height, width)))


def enlarged(pictures: Bytes, factor: int) -> Bytes:
    """Each pixel as a square of `factor` × `factor`."""
    return pictures.repeat(factor, axis=-3).repeat(factor, axis=-2)


@cache
def _tables() -> tuple[Bytes, Bytes]:
    return colour_table(WARM), colour_table(COLD)
