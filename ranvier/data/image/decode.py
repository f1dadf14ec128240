"""One picture file becomes bytes of the form wanted, or a problem with a name: never a traceback.

    file → header → checks → (JPEG: a draft at a fraction of its size) → turned as its camera says
         → transparency on white → size → bytes [height, width, channels]

Only formats that hold nothing but pixels are opened (no EPS, PDF or SVG, which are programs), and
nothing is decoded before its header says how large it would be. Colour profiles are ignored.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.core.errors import ConfigError
from ranvier.data.image.bring import Bytes, pillow, resized, rounded, to_bytes, with_channels
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.listing import Problem
from ranvier.data.image.refusal import Refused, first_line, why_not

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx"),
    "PNG": (".png", ".apng"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
FORMATS = tuple(SUFFIXES)
PIXELS_VARIABLE = "RANVIER_MOST_PIXELS"

# 64 million pixels are 256 MiB once decoded, as Pillow keeps four bytes for each.
_MOST_PIXELS = 1 << 26
# A JPEG is decoded at an eighth of its sides where that is enough; only a progressive one needs
# memory for all of it.
_DRAFT = 8
_SMALLEST_SIDE = 4
# Of the pages or frames of these, the first is taken and that is said. The JPEGs of telephones hold
# several pictures too (MPO), but the first is the picture.
_WITH_FRAMES = ("AVIF", "GIF", "PNG", "TIFF", "WEBP")
_TURNED = 0x0112
# What Pillow's modes of other numbers than bytes hold, and what is white in them.
_DEEP = {
    "I;16": 65535.0,
    "I;16B": 65535.0,
    "I;16L": 65535.0,
    "I;16N": 65535.0,
    "I": 65535.0,
    "F": 1.0,
}
_COLOURS = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of one file: its pixels, or the problem that left it out.

    `traits` say what kind of file it is ("PNG", "transparent", …), `size` is the (width, height) it
    came in, (0, 0) where that was not read, and `digest` is of the file's bytes.
    """

    pixels: Bytes | None
    problems: tuple[Problem, ...] = ()
    traits: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    digest: bytes = b""


def most_pixels() -> int:
    """How many pixels a picture may have to be decoded; `$RANVIER_MOST_PIXELS` sets it.

    Raises:
        ConfigError: for what is no number.
    """
    text = os.environ.get(PIXELS_VARIABLE)
    if text is None:
        return _MOST_PIXELS
    if not text.isdecimal() or int(text) == 0:
        raise ConfigError(
            f"{PIXELS_VARIABLE}={text}: expected the pixels that a picture may have, such as "
            f"{_MOST_PIXELS}."
        )
    return int(text)


@contextmanager
def reading() -> Iterator[None]:
    """The surroundings in which pictures are read: our own limit of pixels in place of Pillow's,
    and no warnings, since what they are about is reported as problems.

    Both are settings of the process, so this goes around a pool of threads, not into one.
    """
    image: Any = pillow()
    limit = image.MAX_IMAGE_PIXELS
    image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        image.MAX_IMAGE_PIXELS = limit


def read_picture(path: Path, form: PictureForm, *, name: str) -> Decoded:
    """The picture in a file, in the form; inside `reading()`."""
    digest = b""
    try:
        with _opened_file(path) as file:
            digest = _digest(file)
            return _decode(file, path, form, name=name, digest=digest)
    except Refused as refusal:
        return Decoded(None, (Problem(name, refusal.kind, str(refusal)),), digest=digest)


def read_header(path: Path) -> tuple[int, int, str] | None:
    """Width and height as the picture is to be seen, and Pillow's mode of it, without decoding;
    None for what cannot be read. Inside `reading()`."""
    try:
        with _opened_file(path) as file, _identified(file, path) as picture:
            width, height = picture.size
            # Pillow turns the size of a TIFF itself.
            turned = picture.format != "TIFF" and _orientation(picture) >= 5
            return (height, width, picture.mode) if turned else (width, height, picture.mode)
    except Refused:
        return None


def deep_range(mode: str) -> float | None:
    """What is white in a mode of other numbers than bytes; None for a mode of bytes."""
    return _DEEP.get(mode)


def read_numbers(path: Path, *, most: int) -> np.ndarray | None:
    """Some of the numbers of a picture that holds others than bytes; None for what does not, or
    cannot be read. Inside `reading()`."""
    try:
        with _opened_file(path) as file, _identified(file, path) as picture:
            if picture.mode not in _DEEP:
                return None
            _check_size(picture)
            numbers = np.asarray(_loaded(picture, file)).ravel()
            finite = numbers[np.isfinite(numbers)]
            return finite[:: max(1, len(finite) // most)].astype(np.float64)
    except Refused:
        return None


def _opened_file(path: Path) -> BufferedReader:
    """The file, which is a regular one that holds something and that we may read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("unreadable", "it is no ordinary file")
        if status.st_size == 0:
            raise Refused("empty", "it holds no bytes")
        # Pixels of 16 bits in three colours and an alpha, uncompressed.
        if status.st_size > 8 * most_pixels():
            raise Refused("too large", f"it holds {status.st_size:,} bytes; {_way_around()}")
        return path.open("rb")
    except OSError as error:
        raise Refused("unreadable", error.strerror or type(error).__name__) from None


def _digest(file: BufferedReader) -> bytes:
    """SHA-256 of a file, which is left at its start."""
    found = hashlib.sha256()
    # Not hashlib.file_digest, whose buffer costs more than a small picture does.
    while piece := file.read(1 << 20):
        found.update(piece)
    file.seek(0)
    return found.digest()


def _decode(
    file: BufferedReader, path: Path, form: PictureForm, name: str, digest: bytes
) -> Decoded:
    with _identified(file, path) as picture:
        size = picture.size
        _check_size(picture, form)
        notes = _notes(picture, path, name)
        if picture.format in ("JPEG", "MPO"):
            enough = 2 * max(form.height, form.width)
            picture.draft("L" if form.channels == 1 else None, (enough, enough))
        picture = _loaded(picture, file)
        try:
            pixels, traits = _in_form(picture, form)
        except Refused:
            raise
        except Exception as error:
            # Pillow's own errors have no common base, and mutated files find many.
            raise Refused("damaged", f"it cannot be converted ({first_line(error)})") from None
        kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    return Decoded(pixels, notes, (kind, *traits), size, digest)


def _identified(file: BufferedReader, path: Path) -> Image.Image:
    """The picture with its header read and nothing else."""
    image = pillow()
    try:
        picture: Image.Image = image.open(file, formats=list(FORMATS))
    except MemoryError:
        raise Refused("too large", f"it asks for too much memory; {_way_around()}") from None
    except Exception as error:
        # Whatever a plugin stumbles over, the file is none that it can read.
        kind, detail = why_not(file, error)
        raise Refused(kind, detail) from None
    if min(picture.size) < 1:
        picture.close()
        raise Refused("damaged", f"its header says {_sides(picture.size)} pixels")
    return picture


def _check_size(picture: Image.Image, form: PictureForm | None = None) -> None:
    width, height = picture.size
    is_plain_jpeg = picture.format in ("JPEG", "MPO") and not picture.info.get("progressive")
    shrunk = _DRAFT**2 if is_plain_jpeg else 1
    if form is not None and is_plain_jpeg:
        side = 2 * max(form.height, form.width)
        shrunk = max(s for s in (1, 2, 4, 8) if s == 1 or min(width, height) // side >= s) ** 2
    if width * height > shrunk * most_pixels():
        raise Refused(
            "too large",
            f"its header says {_sides(picture.size)} = {width * height:,} pixels; {_way_around()}",
        )
    smallest = _SMALLEST_SIDE if form is None else min(_SMALLEST_SIDE, form.height, form.width)
    if min(width, height) < smallest:
        raise Refused("too small", f"it is {_sides(picture.size)} pixels")


def _loaded(picture: Image.Image, file: BufferedReader) -> Image.Image:
    """The decoded picture, turned as its camera was held."""
    try:
        picture.load()
        turned = _orientation(picture)
    except MemoryError:
        raise Refused("too large", f"it asks for too much memory; {_way_around()}") from None
    except Exception as error:
        kind, detail = why_not(file, error, is_known=True)
        raise Refused(kind, detail) from None
    if turned == 1:
        return picture
    transpose = pillow().Transpose
    kind_of_file, info = picture.format, picture.info
    result = picture.transpose(
        {
            2: transpose.FLIP_LEFT_RIGHT,
            3: transpose.ROTATE_180,
            4: transpose.FLIP_TOP_BOTTOM,
            5: transpose.TRANSPOSE,
            6: transpose.ROTATE_270,
            7: transpose.TRANSVERSE,
            8: transpose.ROTATE_90,
        }[turned]
    )
    result.format, result.info = kind_of_file, {**info, "turned": True}
    return result


def _orientation(picture: Image.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # asked for these notes, Pillow would decode the whole picture to look behind it
    try:
        turned = picture.getexif().get(_TURNED, 1)
    except Exception:
        # Notes of a camera that cannot be read leave the picture as it is.
        return 1
    return turned if isinstance(turned, int) and 1 <= turned <= 8 else 1


def _in_form(picture: Image.Image, form: PictureForm) -> tuple[Bytes, tuple[str, ...]]:
    """The decoded picture in the form, and what kind of picture it is."""
    traits = ["turned by its camera"] if picture.info.get("turned") else []
    mode = picture.mode
    if mode in _DEEP:
        levels = form.levels or (0.0, _DEEP[mode])
        numbers = to_bytes(np.asarray(picture), levels)
        small = resized(pillow().fromarray(np.nan_to_num(numbers)), form)
        found = rounded(np.asarray(small))
        return with_channels(found, form.channels), (*traits, "more than 8 bits")
    if mode not in _COLOURS and mode not in _TRANSPARENT:
        raise Refused("unsupported", f"its colours are of the kind {mode}; save it as RGB")
    if picture.has_transparency_data:
        traits.append("transparent")
        picture = _on_white(picture)
    traits += {"P": ["palette"], "CMYK": ["CMYK"]}.get(mode, [])
    if picture.mode in ("CMYK", "YCbCr", "HSV", "P", "RGBX"):
        picture = picture.convert("RGB")
    wanted = "L" if form.channels == 1 or picture.mode in ("1", "L") else "RGB"
    if picture.mode != wanted:
        picture = picture.convert(wanted)
    return with_channels(np.asarray(resized(picture, form)), form.channels), tuple(traits)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "La":
        picture = picture.convert("LA")
    picture = picture.convert("RGBA")
    white = pillow().new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def _notes(picture: Image.Image, path: Path, name: str) -> tuple[Problem, ...]:
    """What is odd about a picture that is used all the same."""
    notes = []
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    suffix = path.suffix.lower()
    if any(suffix in others for others in SUFFIXES.values()) and suffix not in SUFFIXES[kind]:
        detail = f"it is {kind}, whatever its name says; read as what it is"
        notes.append(Problem(name, "another format", detail, is_left_out=False))
    if kind in _WITH_FRAMES and _has_frames(picture):
        detail = "it has several frames or pages; the first is taken"
        notes.append(Problem(name, "animated", detail, is_left_out=False))
    return tuple(notes)


def _has_frames(picture: Image.Image) -> bool:
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:
        # A second frame that is damaged says nothing against the first.
        return True


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]:,}×{size[1]:,}"


def _way_around() -> str:
    return (
        f"at most {most_pixels():,} pixels are decoded. Make it smaller, or set {PIXELS_VARIABLE}"
    )
