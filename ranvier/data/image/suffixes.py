"""What the names of files and folders tell before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from ranvier.data.image.decode import SUFFIXES
from ranvier.data.image.listing import TEST, TRAIN, VALIDATION

PICTURE_SUFFIXES = frozenset(ending for endings in SUFFIXES.values() for ending in endings)
TABLE_SUFFIXES = frozenset(
    ".csv .tsv .tab .jsonl .ndjson .parquet .pq .feather .arrow .ipc .xlsx .xls .xlsb .ods".split()
)

# What file managers and archivers leave behind; names that begin with a dot are hidden anyway.
LITTER = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"})

PART_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "t10k": TEST,
}

Name = TypeVar("Name", bound=str | int | float | bool)


def suffix(name: str) -> str:
    """The ending of a file's name, in lower case.

    >>> suffix("cats/Tom.JPG"), suffix("cats/.hidden"), suffix("a.b/c")
    ('.jpg', '', '')
    """
    _, dot, ending = name.rpartition("/")[2].lstrip(".").rpartition(".")
    return dot + ending.lower() if dot else ""


def is_picture_name(name: str) -> bool:
    """Whether a file of this name should hold a picture.

    >>> is_picture_name("cats/Tom.JPG"), is_picture_name("notes.txt")
    (True, False)
    """
    return suffix(name) in PICTURE_SUFFIXES


def is_passed_over(name: str) -> bool:
    """Whether an entry of a folder is hidden or litter, of which nobody needs to hear."""
    return name.startswith(".") or name.lower() in LITTER


def shown(name: str) -> str:
    r"""The name as it can be printed and stored: what is not printable is spelled out.

    >>> shown("caf\u00e9/a\nb.png"), shown("\udcff.png")
    ('café/a\\nb.png', '\\udcff.png')
    """
    if name.isprintable():
        return name
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in name
    )


def natural_order(names: Iterable[Name]) -> list[Name]:
    """Names as people would sort them: numbers by their value, alone or within words.

    >>> natural_order(["10", "9", "1.5"]), natural_order(["class 10", "class 9"])
    (['1.5', '9', '10'], ['class 9', 'class 10'])
    """
    listed = list(names)
    try:
        return sorted(listed, key=lambda name: (float(name), str(name)))
    except ValueError:
        return sorted(listed, key=_natural)


def _natural(name: str | int | float | bool) -> tuple[list[tuple[int, int, str]], str]:
    pieces = re.findall(r"[0-9]+|[^0-9]+", str(name).casefold())
    key = [(0, int(piece), "") if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces]
    return key, str(name)
