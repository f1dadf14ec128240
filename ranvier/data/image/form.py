"""The form that all pictures of a source are brought into, decided from their headers.

A sample of headers is read, none is decoded as a whole; where files say colour, small drafts of
some of them tell whether there is any.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError
from ranvier.data.image.bring import check_array, natural_levels, rounded, sample_of, to_bytes
from ranvier.data.image.decode import (
    deep_range,
    read_header,
    read_numbers,
    read_picture,
    reading,
)
from ranvier.data.image.encode import Aspect, PictureForm
from ranvier.data.image.listing import Listing
from ranvier.runs.settings import TrainSettings

LADDER = (32, 48, 64, 96, 128)
# What trains in a bearable time on two cores: a longest side, above so many pictures.
MOST_SIDE, MANY_PICTURES, MOST_SIDE_OF_MANY = 128, 20_000, 96
# Up to here pictures of one size are left as they are.
SMALL_SIDE = 64
# A picture may grow by this much to reach a rung of the ladder.
MOST_GROWTH = 1.15

_HEADERS = 2_000
_DRAFTS = 256
_DRAFT_SIDE = 48
# The channels of a grey picture that a camera or a JPEG encoder made differ by less.
_MOST_GREY_SPREAD = 16
_SQUARE_ENOUGH = 1.25
_LONGEST_ASPECT = 3.0
# A picture of another aspect ratio than the form's is squeezed up to here.
_MOST_SQUEEZE = 2.0
_SHARE_SQUEEZED = 0.9


@dataclass(frozen=True)
class _Seen:
    """What the sample shows: widths and heights, whether any has colour, and deep levels."""

    widths: NDArray[np.int64]
    heights: NDArray[np.int64]
    has_colour: bool
    levels: tuple[float, float] | None


def decide_form(listing: Listing, settings: TrainSettings) -> tuple[PictureForm, str]:
    """The form of a source's pictures, and a sentence on why that one.

    `size` and `channels` of the settings win. Else pictures that are all of one size of at most 64
    stay as they are. Others get the median's size, square unless most share another aspect, on the
    largest rung of 32, 48, 64, 96, 128 that enlarges the median by at most 15 %; above 20,000
    pictures 96 is the highest. They are grey where no picture of the sample has colour.

    Raises:
        ConfigError: a size that is none.
        MissingExtraError: picture files, without Pillow.
    """
    seen = _look_at_array(listing) if listing.pixels is not None else _look_at_files(listing)
    channels = {"grey": 1, "rgb": 3, None: 3 if seen.has_colour else 1}[settings.channels]
    if settings.size is not None:
        height, width = parse_size(settings.size)
        how = "as asked"
    else:
        height, width, how = _choose_size(seen, len(listing))
    aspect = _aspect(seen, height / width)
    form = PictureForm(height, width, channels, aspect, seen.levels)
    colour = "grey" if channels == 1 else "colour"
    squeezed = "; sides of another ratio are padded" if aspect == "pad" else ""
    return form, f"{height}×{width} {colour}: {how}{squeezed}"


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of a setting such as "64" or "48x64".

    Raises:
        ConfigError: for anything else.

    >>> parse_size("48x64")
    (48, 64)
    """
    found = re.fullmatch(r"\s*(\d{1,4})\s*(?:[xX×]\s*(\d{1,4})\s*)?", text)
    if found is not None:
        height, width = int(found[1]), int(found[2] or found[1])
        if min(height, width) >= 1:
            return height, width
    raise ConfigError(
        f"size={text!r}: expected one side, as in 64, or height and width, as in 48x64."
    )


def _look_at_files(listing: Listing) -> _Seen:
    paths = listing.paths or ()
    places = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), _HEADERS)).astype(int))
    sizes, modes = [], []
    with reading():
        for place in places:
            header = read_header(paths[place])
            if header is not None:
                sizes.append(header[:2])
                modes.append((place, header[2]))
        colour = _has_colour(listing, modes)
        levels = _deep_levels(listing, modes)
    found = np.array(sizes or [(SMALL_SIDE, SMALL_SIDE)], dtype=np.int64)
    return _Seen(found[:, 0], found[:, 1], colour, levels)


def _has_colour(listing: Listing, modes: list[tuple[int, str]]) -> bool:
    """Whether a picture of the sample has colour, by small drafts of those that may have."""
    paths = listing.paths or ()
    draft = PictureForm(_DRAFT_SIDE, _DRAFT_SIDE, 3)
    grey = ("1", "L", "LA", "La")
    coloured = [p for p, mode in modes if mode not in grey and deep_range(mode) is None]
    for place in coloured[:: max(1, len(coloured) // _DRAFTS)]:
        pixels = read_picture(paths[place], draft, name="").pixels
        if pixels is not None and _spread(pixels) > _MOST_GREY_SPREAD:
            return True
    return False


def _spread(pixels: NDArray[np.uint8]) -> int:
    """How far the channels `[..., 3]` of one pixel are apart, at most."""
    return int((pixels.max(axis=-1) - pixels.min(axis=-1)).max(initial=0))


def _deep_levels(listing: Listing, modes: list[tuple[int, str]]) -> tuple[float, float] | None:
    """What is black and white where pictures have more than 8 bits: few use all of them."""
    paths = listing.paths or ()
    deep = [place for place, mode in modes if deep_range(mode) is not None]
    read = (
        read_numbers(paths[place], most=4_096) for place in deep[:: max(1, len(deep) // _DRAFTS)]
    )
    numbers = [each for each in read if each is not None]
    if not numbers:
        return None
    pooled = np.concatenate(numbers)
    low, high = (float(q) for q in np.quantile(pooled, (0.001, 0.999))) if len(pooled) else (0, 0)
    return (low, high) if high > low else None


def _look_at_array(listing: Listing) -> _Seen:
    pixels = listing.pixels
    assert pixels is not None
    check_array(pixels, listing.source)
    sample = sample_of(pixels, most=_HEADERS)
    levels = None if sample.dtype == np.uint8 else natural_levels(sample)
    has_colour = sample.ndim == 4 and sample.shape[-1] >= 3
    if has_colour:
        numbers = sample[..., :3]
        colours = numbers if levels is None else rounded(to_bytes(numbers, levels))
        has_colour = _spread(colours) > _MOST_GREY_SPREAD
    height, width = pixels.shape[1:3]
    return _Seen(np.array([width]), np.array([height]), has_colour, levels)


def _choose_size(seen: _Seen, num_pictures: int) -> tuple[int, int, str]:
    sizes = Counter(zip(seen.heights.tolist(), seen.widths.tolist()))
    height, width = (float(np.median(sides)) for sides in (seen.heights, seen.widths))
    most = MOST_SIDE_OF_MANY if num_pictures > MANY_PICTURES else MOST_SIDE
    if len(sizes) == 1 and max(height, width) <= SMALL_SIDE:
        return int(height), int(width), "as all pictures are"
    ratio = _form_ratio(seen)
    typical = math.sqrt(height * width)
    wanted = [side for side in LADDER if side <= min(most, MOST_GROWTH * typical)]
    side = wanted[-1] if wanted else max(1, round(typical))
    shape = (side, side) if ratio == 1.0 else _rectangle(side, ratio)
    came = "all pictures are" if len(sizes) == 1 else "the median picture is"
    how = f"{came} {height:g}×{width:g}"
    if most < typical:
        many = f" for more than {MANY_PICTURES:,} pictures" if most < MOST_SIDE else ""
        how += f", and {most} is the most{many} unless --size says so"
    return *shape, how


def _form_ratio(seen: _Seen) -> float:
    """Height over width that the form gets: 1 unless most pictures agree on another."""
    ratios = seen.heights / seen.widths
    median = float(np.median(ratios))
    if 1 / _SQUARE_ENOUGH <= median <= _SQUARE_ENOUGH:
        return 1.0
    agree = np.mean((ratios > median / 1.2) & (ratios < median * 1.2))
    return min(max(median, 1 / _LONGEST_ASPECT), _LONGEST_ASPECT) if agree >= 0.75 else 1.0


def _rectangle(side: int, ratio: float) -> tuple[int, int]:
    """Multiples of 8 with about the area of a square of this side."""
    step = 8 if side >= LADDER[0] else 1
    height, width = side * math.sqrt(ratio), side / math.sqrt(ratio)
    return max(step, round(height / step) * step), max(step, round(width / step) * step)


def _aspect(seen: _Seen, ratio: float) -> Aspect:
    """Squeezing keeps all of a picture; where many would be squeezed much, they are padded."""
    squeeze = (seen.heights / seen.widths) / ratio
    bearable = (squeeze <= _MOST_SQUEEZE) & (squeeze >= 1 / _MOST_SQUEEZE)
    return "stretch" if bearable.mean() >= _SHARE_SQUEEZED else "pad"


def size_facts(sizes: NDArray[Any]) -> dict[str, Any]:
    """What the report says of the sides that pictures came in: the commonest, and the spread.

    Shapes: sizes: [N, 2], width and height; zeros where they are not known.
    """
    known = sizes[(sizes > 0).all(axis=1)]
    if not len(known):
        return {"pictures": 0, "commonest": []}
    different, counts = np.unique(known, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:8]
    quantiles = np.quantile(known, (0.0, 0.25, 0.5, 0.75, 1.0), axis=0)
    return {
        "pictures": len(known),
        "different": len(different),
        "commonest": [
            {"width": int(w), "height": int(h), "count": int(counts[place])}
            for place, (w, h) in zip(order, different[order].tolist())
        ],
        "width": quantiles[:, 0].tolist(),
        "height": quantiles[:, 1].tolist(),
    }
