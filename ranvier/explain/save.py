"""An explanation as files: one page, one sheet of pictures, or a folder of both."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.core.errors import ConfigError, suggestion
from ranvier.explain.page import page_of
from ranvier.explain.sheet import pair_of, sheet_of
from ranvier.report.png import encode_png

if TYPE_CHECKING:
    from ranvier.explain.explanation import Explanation

SUFFIXES = (".html", ".png")
PAGE = "index.html"
LONGEST_NAME = 60


def kind_of(path: Path) -> str:
    """What is written at `path`: ".html", ".png", or "" for a folder.

    Raises:
        ConfigError: for another kind of file, or where a folder has the name of a file.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        suffix = ""
    if suffix not in ("", *SUFFIXES):
        raise ConfigError(
            f"{path}: explanations are not written as {suffix!r}; expected a page (.html), a sheet "
            f"(.png), or a folder. {suggestion(suffix, SUFFIXES)}"
        )
    if suffix == "" and path.exists() and not path.is_dir():
        raise ConfigError(f"{path}: this is a file; name a folder, or a file ending in .html.")
    return suffix


def check_destination(path: Path, source: str | None = None) -> None:
    """Refuse a place to write to before anything is computed.

    Raises:
        ConfigError: for another kind of file, or for the source itself.
    """
    kind_of(path)
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise ConfigError(f"{path}: this is the source itself; name another place.")


def save(explanation: Explanation, path: Path) -> Path:
    """Write the explanation at `path`, as its name says; the path comes back.

    Raises:
        ConfigError: for another kind of file, or where nothing can be written.
    """
    kind = kind_of(path)
    try:
        if kind == ".html":
            _replace(path, page_of(explanation).encode())
        elif kind == ".png":
            _replace(path, encode_png(sheet_of(explanation)))
        else:
            _save_folder(explanation, path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror or error}). Name a place in a folder that "
            "exists and that you may write to."
        ) from error
    return path


def _save_folder(explanation: Explanation, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    digits = len(str(len(explanation)))
    for row, name in enumerate(explanation.names):
        file = f"{row + 1:0{digits}}-{_file_name(name)}.png"
        _replace(folder / file, encode_png(pair_of(explanation, row)))
    _replace(folder / PAGE, page_of(explanation).encode())


def _file_name(name: str) -> str:
    """A picture's name as a part of a file's: it may be a path, and hold anything.

    >>> _file_name("cats/../tabby 1.jpg")
    'cats-tabby-1'
    """
    words = re.findall(r"[A-Za-z0-9]+", name.rpartition(".")[0] or name)
    return "-".join(words)[-LONGEST_NAME:].strip("-") or "picture"


def _replace(path: Path, content: bytes) -> None:
    # Written beside and renamed: a full disk leaves an older file of that name as it was.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
