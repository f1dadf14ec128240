"""Colours of a heat map, even to the eye: equal steps of heat are equal steps of lightness.

In Oklab, a space in which distances are as they are seen, the lightness L of a colour rises evenly
with the heat h, while its hue θ turns and its chroma C is 0.14, or as much of it as a screen shows:

    L = 0.32 + 0.6 h,   a = C cos θ,   b = C sin θ
    warm: θ from 330° (purple) through red to 105° (yellow)
    cold: θ from 280° (violet) through blue to 195° (cyan)

So a map can be read in grey, and by people who do not tell red from green.

Reference: Ottosson 2020, A perceptual color space for image processing (Oklab); Crameri et al.
2020, Nature Communications 11:5444.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEVELS = 256
DARKEST, BRIGHTEST = 0.32, 0.92
WARM, COLD = (-30.0, 105.0), (280.0, 195.0)
MOST_CHROMA = 0.14

# Ottosson's matrices: Oklab to the cube roots of the cones' answers, and those to linear sRGB.
_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_TO_RED_GREEN_BLUE = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def colour_table(hues: tuple[float, float]) -> NDArray[np.uint8]:
    """The colours of heat 0 to 1 in 256 steps, hues in degrees from the coldest to the hottest.

    Shapes: [256, 3].
    """
    heat = np.linspace(0.0, 1.0, LEVELS)
    lightness = DARKEST + (BRIGHTEST - DARKEST) * heat
    angle = np.radians(hues[0] + (hues[1] - hues[0]) * heat)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    chroma = _shown_chroma(lightness, direction)
    linear = np.clip(_linear(lightness, direction, chroma), 0.0, 1.0)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * shown).astype(np.uint8)


def _linear(lightness: Numbers, direction: Numbers, chroma: Numbers) -> Numbers:
    """Linear sRGB of Oklab, below 0 or above 1 where no screen shows it: `[N, 3]`."""
    cones = np.column_stack([lightness, direction * chroma[:, None]]) @ _TO_CONES.T
    return cones**3 @ _TO_RED_GREEN_BLUE.T


def _shown_chroma(lightness: Numbers, direction: Numbers) -> Numbers:
    """The largest chroma up to the most that a screen shows at this lightness and hue."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, MOST_CHROMA)
    for _ in range(30):
        middle = (low + high) / 2
        linear = _linear(lightness, direction, middle)
        is_shown = ((linear >= 0) & (linear <= 1)).all(axis=1)
        low, high = np.where(is_shown, middle, low), np.where(is_shown, high, middle)
    return low
