"""Makers of pictures: healthy folders to begin with, odd forms that must be read, hostile files."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")
EACH = 30

Maker = Callable[[Path], None]
"""Makes one file, or what stands where a file should be, at a path that is free."""


def pixels(number: int, label: int, *, side: int = 16) -> np.ndarray:
    """A red or a blue picture with some noise, of its own each: `[side, side, 3]` bytes."""
    noise = np.random.default_rng((number, label)).integers(0, 60, (side, side, 3))
    return (noise + np.array([150, 40, 20] if label == 0 else [20, 40, 150])).astype(np.uint8)


def healthy(folder: Path, *, each: int = EACH, classes: tuple[str, ...] = CLASSES) -> Path:
    """A folder for each class, with PNG files that a network tells apart at once."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(pixels(number, label)).save(folder / name / f"{number:03}.png")
    return folder


def encoded(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    """A healthy picture as a file of this format."""
    file = BytesIO()
    (picture or Image.fromarray(pixels(7, 0))).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    end = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + end


def grey_png(width: int, height: int, compressed: bytes) -> bytes:
    """A PNG of grey bytes that says these sides, whatever its compressed rows hold."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", compressed) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, compressed, without ever holding them."""
    squeeze, block = zlib.compressobj(9), bytes(1 << 20)
    parts = [
        squeeze.compress(block[: min(len(block), count - at)]) for at in range(0, count, len(block))
    ]
    return b"".join([*parts, squeeze.flush()])


# Files that hold no picture that can be read.


def of_bytes(content: bytes) -> Maker:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def truncated(kind: str) -> Maker:
    def make(path: Path) -> None:
        picture = Image.fromarray(pixels(7, 0, side=64))
        content = encoded(kind, picture)
        path.write_bytes(content[: len(content) // 2])

    return make


def flipped_png(path: Path) -> None:
    """A PNG whose compressed rows are damaged in the middle."""
    content = bytearray(encoded("png"))
    for at in range(len(content) // 2, len(content) // 2 + 20):
        content[at] ^= 0xFF
    path.write_bytes(content)


def header_bomb(path: Path) -> None:
    """A small file that claims 30,000 × 30,000 pixels."""
    path.write_bytes(grey_png(30_000, 30_000, zlib.compress(bytes(1000))))


def zeros_bomb(path: Path) -> None:
    """A file of 400 KB that truly holds 20,000 × 20,000 pixels, all black."""
    path.write_bytes(grey_png(20_000, 20_000, zeros(20_000 * 20_001)))


def text_bomb(path: Path) -> None:
    """A PNG of one pixel with 64 MiB of words in a compressed chunk."""
    words = b"words\x00\x00" + zeros(1 << 26)
    content = grey_png(1, 1, zlib.compress(bytes(2)))
    path.write_bytes(content[:33] + chunk(b"zTXt", words) + content[33:])


def directory(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "not-there.png")


def points_at_itself(path: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    """Whoever opens it to read waits for ever for someone who writes."""
    os.mkfifo(path)


def plug(path: Path) -> None:
    """A socket. Its path may be longer than sockets take, so it is made from beside it."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def endless(path: Path) -> None:
    """A device that never ends, behind a picture's name."""
    path.symlink_to("/dev/zero")


# Forms that are uncommon and whole.


def animated(kind: str) -> Maker:
    frames = [Image.fromarray(pixels(number, 0)) for number in range(3)]
    return of_bytes(
        encoded(kind, frames[0], save_all=True, append_images=frames[1:], duration=100, loop=0)
    )


def grey16() -> bytes:
    return encoded("png", Image.fromarray(pixels(7, 0)[..., 0].astype(np.uint16) * 256))


def cmyk() -> bytes:
    return encoded("jpeg", Image.fromarray(pixels(7, 0)).convert("CMYK"))


def palette() -> bytes:
    picture = Image.fromarray(pixels(7, 0)).quantize(16)
    return encoded("png", picture, transparency=0)


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("jpeg", Image.fromarray(pixels(7, 0)), exif=exif)


def converted(mode: str, kind: str = "png") -> bytes:
    return encoded(kind, Image.fromarray(pixels(7, 0)).convert(mode))


def sides(width: int, height: int) -> bytes:
    return encoded("png", Image.new("RGB", (width, height), (150, 40, 20)))


# Names that are hard on terminals, reports and tables.

NAMES = {
    "spaces": b"my  holiday picture .png",
    "a line break": b"two\nlines.png",
    "emoji": "🦊🐕.png".encode(),
    "bytes that are no UTF-8": b"caf\xe9-\xff.png",
    "very long": b"n" * 251 + b".png",
    "right to left": "תמונה\u202egnp.png".encode(),
    "a terminal's commands": b"\x1b[31m\x1b]0;owned\x07red.png",
    "markup": b"<img src=x onerror=alert(1)>&amp;.png",
    "rich's markup": b"[bold red]shout[bold].png",
    "a comma and quotes": b"a,\"b\",'c'.png",
    "a leading dash": b"--help.png",
}


def named(folder: Path, name: bytes, content: bytes) -> None:
    """A file of these bytes, under a name that may be no text."""
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:
        file.write(content)
