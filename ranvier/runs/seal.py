"""The last line of a report: a comment with the SHA-256 of the page, so that damage shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ranvier.core.errors import DamagedError
from ranvier.runs.documents import read_bytes
from ranvier.runs.durable import write_file


def _seal(page: bytes) -> bytes:
    return f"<!-- sha256 {hashlib.sha256(page).hexdigest()} -->\n".encode()


_SIZE = len(_seal(b""))


def seal_report(text: str) -> str:
    """`text`, a page, with its digest in a comment after it.

    >>> page, comment = seal_report("<p>good</p>").splitlines()
    >>> comment.startswith("<!-- sha256 ")
    True
    """
    page = text if text.endswith("\n") else text + "\n"
    return page + _seal(page.encode("utf-8")).decode()


def write_report(path: Path, text: str) -> None:
    """Put `text`, a page, sealed, into the file `path`, whole or not at all.

    Raises:
        RunError: the disk is full, or the place may not be written.
    """
    write_file(path, [seal_report(text).encode("utf-8")])


def check_report(path: Path) -> None:
    """Whether the page at `path` is the one that was sealed.

    Raises:
        RunError: it is not there.
        DamagedError: it is not.
    """
    data = read_bytes(path)
    page, seal = data[:-_SIZE], data[-_SIZE:]
    if seal != _seal(page):
        raise DamagedError(
            f"{path}: damaged, or edited by hand: its digest does not fit its text. "
            f"Write it again: ranvier report {path.parent}."
        )
