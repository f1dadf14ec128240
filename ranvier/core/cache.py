"""The folder where this machine keeps what it found out or built once."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from ranvier.core.version import VERSION


def cache_root() -> Path:
    """`$RANVIER_CACHE`, else `ranvier` in `$XDG_CACHE_HOME` or `~/.cache`; it may not exist."""
    if own := os.environ.get("RANVIER_CACHE"):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "ranvier"
    return Path.home() / ".cache" / "ranvier"


def cache_folder() -> Path | None:
    """The part of it that belongs to this version, made.

    It belongs to this user and nobody else may write there, as code is loaded from it; None where
    there can be no such folder.
    """
    try:
        return _made(cache_root() / VERSION)
    except RuntimeError:  # a user without a home
        return None


@lru_cache(maxsize=8)
def _made(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            return None
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None
