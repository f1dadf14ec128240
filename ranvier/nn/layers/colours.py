"""Colours changed at random in training, each picture's by a draw of its own.

B batch, H height, W width, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.nn.layers.augmentation import Augmentation, beside, chosen, maker, uniform
from ranvier.nn.modules import MODULES
from ranvier.spec import RandomBrightness as RandomBrightnessLayer
from ranvier.spec import RandomContrast as RandomContrastLayer
from ranvier.spec import RandomGrayscale as RandomGrayscaleLayer
from ranvier.spec import RandomHue as RandomHueLayer
from ranvier.spec import RandomPosterize as RandomPosterizeLayer
from ranvier.spec import RandomSaturation as RandomSaturationLayer
from ranvier.spec import RandomSolarize as RandomSolarizeLayer

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def grey(pictures: Tensor) -> Tensor:
    """How bright each point is to the eye.

    Shapes: [B, H, W, 3] -> [B, H, W, 1].
    """
    red, green, blue = pictures.unbind(-1)
    return (_RED * red + _GREEN * green + _BLUE * blue).unsqueeze(-1)


def away_from(plain: Tensor, pictures: Tensor, factor: Tensor) -> Tensor:
    """`plain` at a factor of 0, the pictures at 1, more than they are above."""
    return plain + factor * (pictures - plain)


def turned(pictures: Tensor, share: Tensor) -> Tensor:
    """The hue moved on by a share of the circle; saturation and value stay.

    Shapes: [B, H, W, 3], [B, 1, 1] -> [B, H, W, 3].
    """
    red, green, blue = pictures.unbind(-1)
    value, spread = pictures.amax(-1), pictures.amax(-1) - pictures.amin(-1)
    below = torch.where(spread > 0, spread, 1)
    # In sixths of the circle, from red through green to blue.
    sixths = torch.where(
        value == red,
        (green - blue) / below,
        torch.where(value == green, 2 + (blue - red) / below, 4 + (red - green) / below),
    )
    from_top = torch.tensor([5.0, 3.0, 1.0], dtype=pictures.dtype, device=pictures.device)
    place = (from_top + (sixths + 6 * share).unsqueeze(-1)).remainder(6)
    lack = torch.minimum(place, 4 - place).clamp(0, 1)
    return value.unsqueeze(-1) - spread.unsqueeze(-1) * lack


def inverted_above(shares: Tensor, threshold: Tensor | float) -> Tensor:
    """1 − s where s is at least the threshold."""
    return torch.where(shares >= threshold, 1 - shares, shares)


def posterized(shares: Tensor, step: Tensor | int) -> Tensor:
    """Numbers from 0 to 1 as bytes rounded down to multiples of `step`, a power of two."""
    return (((shares * 255).round() / step).floor() * step) / 255


class RandomBrightness(Augmentation):
    """Brighter or darker."""

    layer: RandomBrightnessLayer

    def changed(self, pictures: Tensor) -> Tensor:
        low, high = self.layer.limits
        shift = self.layer.amount * (high - low) * uniform(pictures, -1, 1)
        return (pictures + beside(shift)).clamp(low, high)


class RandomContrast(Augmentation):
    """Nearer to each channel's mean, or further away."""

    layer: RandomContrastLayer

    def changed(self, pictures: Tensor) -> Tensor:
        factor = 1 + self.layer.amount * uniform(pictures, -1, 1)
        mean = pictures.mean((1, 2), keepdim=True)
        return away_from(mean, pictures, beside(factor)).clamp(*self.layer.limits)


class RandomSaturation(Augmentation):
    """Nearer to grey, or further away."""

    layer: RandomSaturationLayer

    def changed(self, pictures: Tensor) -> Tensor:
        factor = 1 + self.layer.amount * uniform(pictures, -1, 1)
        return away_from(grey(pictures), pictures, beside(factor)).clamp(*self.layer.limits)


class RandomHue(Augmentation):
    """Other colours, as bright and as strong."""

    layer: RandomHueLayer

    def changed(self, pictures: Tensor) -> Tensor:
        share = self.layer.amount * uniform(pictures, -1, 1)
        return turned(pictures, share.view(-1, 1, 1)).clamp(*self.layer.limits)


class RandomGrayscale(Augmentation):
    """Grey, or as it is."""

    layer: RandomGrayscaleLayer

    def changed(self, pictures: Tensor) -> Tensor:
        return torch.where(chosen(pictures, self.layer.rate), grey(pictures), pictures)


class RandomSolarize(Augmentation):
    """What is bright inverted, or as it is."""

    layer: RandomSolarizeLayer

    def changed(self, pictures: Tensor) -> Tensor:
        low, high = self.layer.limits
        is_bright = chosen(pictures, self.layer.rate) & (pictures >= self.layer.threshold)
        return torch.where(is_bright, low + high - pictures, pictures)


class RandomPosterize(Augmentation):
    """Few levels, or as it is."""

    layer: RandomPosterizeLayer

    def changed(self, pictures: Tensor) -> Tensor:
        low, high = self.layer.limits
        shares = ((pictures - low) / (high - low)).clamp(0, 1)
        coarse = low + (high - low) * posterized(shares, 2 ** (8 - self.layer.bits))
        return torch.where(chosen(pictures, self.layer.rate), coarse, pictures)


_KINDS: dict[str, type[Augmentation]] = {
    "random_brightness": RandomBrightness,
    "random_contrast": RandomContrast,
    "random_saturation": RandomSaturation,
    "random_hue": RandomHue,
    "random_grayscale": RandomGrayscale,
    "random_solarize": RandomSolarize,
    "random_posterize": RandomPosterize,
}
for _kind, _module in _KINDS.items():
    MODULES.add(_kind, maker(_module))
