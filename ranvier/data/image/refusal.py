"""Why a file gives no picture, as far as its first and its last bytes tell."""

from __future__ import annotations

import os
from io import BufferedReader


class Refused(Exception):
    """A picture that will not be decoded: the kind of its problem, and a sentence."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def why_not(file: BufferedReader, error: Exception, *, is_known: bool = False) -> tuple[str, str]:
    """The kind of problem of a file that cannot be decoded, and a sentence."""
    said = first_line(error)
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(16)
        file.seek(max(0, size - 64))
        end = file.read(64)
    except (OSError, ValueError):
        return "unreadable", said
    if _is_cut(start, end, size) or "truncated" in said.lower():
        return "truncated", f"it ends before the picture does, after {size:,} bytes"
    if is_known or _is_claimed(start):
        return "damaged", f"its bytes are no picture of its format ({said})"
    return "not a picture", f"it begins with {start[:8]!r}, which no known format does"


_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")


def _is_cut(start: bytes, end: bytes, size: int) -> bool:
    """Whether a file lacks what its format ends with."""
    if start.startswith(b"\x89PNG"):
        return b"IEND" not in end
    if start.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in end
    if start.startswith(b"GIF8"):
        return not end.endswith(b";")
    if start[8:12] == b"WEBP":
        return int.from_bytes(start[4:8], "little") + 8 > size
    return False


def _is_claimed(start: bytes) -> bool:
    """Whether a file begins as one of our formats does."""
    return start.startswith(_BEGINNINGS) or start[8:12] == b"WEBP" or start[4:12] == b"ftypavif"


def first_line(error: Exception) -> str:
    """What an error says, in one short line that is the same in every process."""
    # A file object's name in a message is an address in memory.
    text = (str(error).splitlines() or [""])[0]
    return type(error).__name__ if not text or " object at 0x" in text else text[:120]
