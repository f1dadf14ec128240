"""A small picture in the page: a PNG that a run recorded, shown at a size that can be looked at."""

from __future__ import annotations

import base64
import binascii
import struct

from ranvier.report.markup import Markup, element

PNG = b"\x89PNG\r\n\x1a\n"
HEAD = 24  # bytes up to the width and the height
MOST_SIDE = 512
PIXELS_SEEN = 48  # sides below this are enlarged pixel by pixel


def thumbnail(png: object, says: object, *, side: int = 72, class_: str = "") -> Markup | None:
    """The picture with its longest side about `side`, `says` in words; None if it is no such PNG.

    A small one is enlarged by whole pixels, so that it is seen as the network sees it.
    """
    size = size_of(png)
    if size is None:
        return None
    width, height = size
    longest = max(size)
    is_small = longest < PIXELS_SEEN
    scale = max(1, round(side / longest)) if is_small else side / longest
    return element(
        "img", src=f"data:image/png;base64,{png}", alt=str(says), title=str(says),
        width=round(width * scale), height=round(height * scale),
        class_=f"thumb {'pixels ' if is_small else ''}{class_}".strip(),
    )  # fmt: skip


def size_of(png: object) -> tuple[int, int] | None:
    """Width and height of a PNG in base64, None for anything else.

    >>> size_of("iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA")
    (28, 28)
    >>> size_of("javascript:alert(1)")
    """
    if not isinstance(png, str):
        return None
    try:
        # All of it, so that nothing but base64 comes into the page.
        content = base64.b64decode(png, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(content) < HEAD or not content.startswith(PNG):
        return None
    width, height = struct.unpack(">II", content[16:HEAD])
    return (width, height) if 0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE else None
