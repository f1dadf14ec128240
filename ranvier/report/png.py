"""Pictures as PNG files, made with zlib alone.

    file = signature · chunk(IHDR) · chunk(IDAT) · chunk(IEND),
    chunk = length · kind · data · CRC-32 of kind and data

A line of pixels is a filter's number and the bytes that the filter leaves. Filter 2 ("up") takes
the line above away, which makes enlarged pictures small.

Reference: W3C 2003, Portable Network Graphics Specification (2nd edition).
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
UP = 2


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of a picture of bytes; the same pixels give the same file.

    >>> encode_png(np.zeros((2, 3), dtype=np.uint8))[:4]
    b'\\x89PNG'

    Shapes: [H, W] grey, [H, W, 1] grey, [H, W, 3] red, green and blue.

    Raises:
        ValueError: for anything else.
    """
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise ValueError(
            f"encode_png: got {pixels.dtype} {shape}; expected bytes [H, W], [H, W, 1] or "
            "[H, W, 3]."
        )
    if 0 in shape:
        raise ValueError(f"encode_png: got a picture of {shape}; expected at least one pixel.")
    height, width = shape[:2]
    lines = np.ascontiguousarray(pixels).reshape(height, -1)
    # Bytes wrap around, as the format's arithmetic does.
    without_above = np.concatenate([lines[:1], lines[1:] - lines[:-1]])
    filtered = np.insert(without_above, 0, UP, axis=1).tobytes()
    kind = COLOUR if shape[2:] == (3,) else GREY
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(filtered, 9))
    return SIGNATURE + body + _chunk(b"IEND", b"")


def data_address(pixels: NDArray[np.uint8]) -> str:
    """The picture as an address that a page can hold, so that the page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
