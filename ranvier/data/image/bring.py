"""A picture of any size and kind of numbers becomes bytes of the form wanted.

Pillow is asked for only where a picture must change its size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, MissingExtraError
from ranvier.data.image.encode import PictureForm

if TYPE_CHECKING:
    from types import ModuleType

    from PIL import Image

Bytes = NDArray[np.uint8]

# Brightness of red, green and blue as Pillow weighs them (ITU-R 601).
LUMA = (0.299, 0.587, 0.114)
WHITE = 255.0

_SAMPLE, _SAMPLE_NUMBERS = 2_000, 1 << 23


def pillow() -> ModuleType:
    """Pillow's `Image`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError(
            "Reading picture files and changing the size of pictures needs an optional package. "
            "Install it with `pip install 'ranvier[image]'`."
        ) from None
    return Image


def resized(picture: Image.Image, form: PictureForm) -> Image.Image:
    """The picture at the form's height and width, antialiased, by the form's `aspect`.

    `stretch` scales each side by itself, `crop` keeps the largest middle piece of the right shape,
    and `pad` keeps everything and fills what is left with the picture's mean.
    """
    from PIL import Image

    size = (form.width, form.height)
    width, height = picture.size
    if picture.size == size:
        return picture
    scale = max if form.aspect == "crop" else min
    factor = scale(form.width / width, form.height / height)
    if form.aspect == "crop":
        left, top = (width - form.width / factor) / 2, (height - form.height / factor) / 2
        box = (max(left, 0.0), max(top, 0.0), width - max(left, 0.0), height - max(top, 0.0))
        return picture.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    if form.aspect == "stretch":
        return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    inner = (
        min(form.width, max(1, round(width * factor))),
        min(form.height, max(1, round(height * factor))),
    )
    mean = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    whole = Image.new(picture.mode, size, mean)
    offset = ((form.width - inner[0]) // 2, (form.height - inner[1]) // 2)
    whole.paste(picture.resize(inner, Image.Resampling.BICUBIC, reducing_gap=2.0), offset)
    return whole


def to_bytes(numbers: NDArray[Any], levels: tuple[float, float]) -> NDArray[np.float32]:
    """Numbers on the scale of bytes: `levels` become 0 and 255, and what is beyond is cut off."""
    low, high = levels
    scale = 255.0 / (high - low) if high > low else 0.0
    # Differences of large numbers are taken in double precision.
    return np.clip((numbers.astype(np.float64) - low) * scale, 0.0, 255.0).astype(np.float32)


def rounded(numbers: NDArray[np.float32]) -> Bytes:
    """The nearest bytes."""
    return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)


def with_channels(picture: Bytes, channels: int) -> Bytes:
    """A picture `[H, W]` or `[H, W, 3]` as `[H, W, channels]`: grey repeated, colour as luma."""
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.shape[-1] == channels:
        return picture
    if picture.shape[-1] == 1:
        return np.repeat(picture, channels, axis=-1)
    return rounded(picture.astype(np.float32) @ np.array(LUMA, dtype=np.float32))[..., None]


def natural_levels(pixels: NDArray[Any]) -> tuple[float, float]:
    """The numbers that mean black and white in an array: of its type, or as its values suggest."""
    if pixels.dtype == np.uint8:
        return (0.0, 255.0)
    if pixels.dtype == bool or pixels.size == 0:
        return (0.0, 1.0)
    finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    if finite.size == 0:
        return (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if pixels.dtype.kind == "f":
        if low >= 0 and high <= 1:
            return (0.0, 1.0)
        if low >= -1 and high <= 1:
            return (-1.0, 1.0)
    # Bytes in another type, if they use at least a quarter of the range.
    if low >= 0 and 64 <= high <= 255:
        return (0.0, 255.0)
    return (low, high)


def sample_of(pixels: NDArray[Any], *, most: int) -> NDArray[Any]:
    """At most `most` of the pictures of an array, and few numbers, from all over it."""
    few = min(len(pixels), most, max(16, _SAMPLE_NUMBERS // max(1, pixels[:1].size)))
    return np.asarray(pixels[np.unique(np.linspace(0, len(pixels) - 1, few).astype(np.int64))])


def with_levels(form: PictureForm, pixels: NDArray[Any]) -> PictureForm:
    """The form with levels for such an array, where it has none and the array needs some."""
    if form.levels is not None or pixels.dtype == np.uint8 or not len(pixels):
        return form
    return replace(form, levels=natural_levels(sample_of(pixels, most=_SAMPLE)))


def is_in_form(pixels: NDArray[Any], form: PictureForm) -> bool:
    """Whether an array `[N, H, W]` or `[N, H, W, C]` holds the form's bytes as it is."""
    shape = (*pixels.shape[1:], 1) if pixels.ndim == 3 else pixels.shape[1:]
    return pixels.dtype == np.uint8 and shape == form.shape


def check_array(pixels: NDArray[Any], source: str) -> None:
    """Refuse an array that holds no pictures.

    Raises:
        DataError: for another rank, kind of numbers or number of channels.
    """
    fits = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[-1] in (1, 2, 3, 4))
    if not fits or 0 in pixels.shape[1:]:
        raise DataError(
            f"{source}: pictures of shape {tuple(pixels.shape)}; expected [N, height, width] or "
            "[N, height, width, channels] with 1 (grey), 2 (grey, alpha), 3 (red, green, blue) or "
            "4 (and alpha) channels. Move the axes or choose channels first."
        )
    if pixels.dtype.kind not in "buif":
        raise DataError(
            f"{source}: pictures of {pixels.dtype} numbers; expected whole or real numbers."
        )


def bring_array(pixels: NDArray[Any], form: PictureForm) -> Bytes:
    """Pictures `[N, H, W]` or `[N, H, W, C]` of any numbers in the form; bytes in form as they are.

    Shapes: -> [N, height, width, channels].
    """
    if is_in_form(pixels, form):
        return pixels.reshape(len(pixels), *form.shape)
    result = np.empty((len(pixels), *form.shape), dtype=np.uint8)
    for place, picture in enumerate(pixels):
        result[place] = bring_picture(picture, form)
    return result


def bring_picture(picture: NDArray[Any], form: PictureForm) -> Bytes:
    """One array `[H, W]` or `[H, W, C]` in the form; alpha is laid on white. Bytes are bytes, and
    the form's levels are for other numbers."""
    levels = form.levels or natural_levels(picture)
    numbers: NDArray[Any] = picture if picture.dtype == np.uint8 else to_bytes(picture, levels)
    if numbers.ndim == 3 and numbers.shape[-1] in (2, 4):
        alpha = numbers[..., -1:].astype(np.float32) / 255.0
        numbers = numbers[..., :-1] * alpha + WHITE * (1.0 - alpha)
    if numbers.ndim == 3 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    found: Bytes = numbers if numbers.dtype == np.uint8 else rounded(numbers)
    if found.shape[:2] != (form.height, form.width):
        small = resized(pillow().fromarray(np.ascontiguousarray(found)), form)
        found = np.asarray(small)
    return with_channels(found, form.channels)
