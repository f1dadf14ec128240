"""Every file below a folder, once, in an order that does not depend on the disk."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from ranvier.core.errors import SourceError
from ranvier.data.image.listing import Problem
from ranvier.data.image.suffixes import is_passed_over, is_picture_name, shown


@dataclass
class Walk:
    """What lies below a folder: paths inside it, spelled with "/", each list sorted."""

    pictures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def found(self, name: str, kind: str, detail: str) -> None:
        self.problems.append(Problem(shown(name), kind, detail))


def walk(root: Path) -> Walk:
    """All files and folders below `root`, links followed; hidden files and litter passed over.

    A folder that links lead to twice is entered once, so no loop and no web of links is endless:
    real folders first, links after them.

    Raises:
        SourceError: where `root` itself cannot be read.
    """
    found = Walk()
    seen = {_identity(root): ""}
    waiting, links = [""], list[str]()
    while waiting or links:
        inner = waiting.pop() if waiting else links.pop(0)
        if inner and not _is_new(root, inner, seen, found):
            continue
        try:
            with os.scandir(root / inner) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            _unreadable(root, inner, error, found)
            continue
        folders: list[str] = []
        for entry in listed:
            if not is_passed_over(entry.name):
                name = f"{inner}/{entry.name}" if inner else entry.name
                if _is_folder(entry, name, found):
                    (links if entry.is_symlink() else folders).append(name)
        waiting += reversed(folders)
    for names in (found.pictures, found.others, found.folders):
        names.sort()
    found.problems.sort(key=lambda problem: (problem.name, problem.kind))
    return found


def _is_folder(entry: os.DirEntry[str], name: str, found: Walk) -> bool:
    """Whether the entry is a folder to go into; a file is noted, and what is neither."""
    try:
        if entry.is_dir():
            found.folders.append(name)
            return True
        if not entry.is_file():
            kind, detail = "no file", "neither a file nor a folder"
            if not os.path.exists(entry.path):
                kind, detail = "broken link", "it links to what is not there"
            found.found(name, kind, detail)
        elif not is_picture_name(entry.name):
            found.others.append(name)
        elif os.access(entry.path, os.R_OK):
            found.pictures.append(name)
        else:
            found.found(name, "unreadable", "there is no permission to read it")
    except OSError as error:
        is_loop = error.errno == errno.ELOOP
        words = "the link leads to itself" if is_loop else str(error.strerror or error)
        found.found(name, "symlink loop" if is_loop else "unreadable", words)
    return False


def _is_new(root: Path, inner: str, seen: dict[tuple[int, int], str], found: Walk) -> bool:
    try:
        identity = _identity(root / inner)
    except OSError as error:
        _unreadable(root, inner, error, found)
        return False
    if identity not in seen:
        seen[identity] = inner
        return True
    found.folders.remove(inner)
    before = seen[identity]
    if not before or inner.startswith(f"{before}/"):
        top = shown(before) or "the top folder"
        found.found(inner, "symlink loop", f"it links back to {top}, in which it lies")
    else:
        found.found(inner, "folder met twice", f"it is the folder {shown(before)}; taken once")
    return False


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _unreadable(root: Path, inner: str, error: OSError, found: Walk) -> None:
    words = error.strerror or str(error)
    if not inner:
        raise SourceError(
            f"{root}: the folder cannot be read ({words}); expected a folder of pictures. "
            "Give yourself leave to read it."
        ) from error
    found.found(inner, "unreadable folder", f"{words}; what it holds is not known")
