"""The folder where this machine keeps what it found out or built once."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from ranvier.core.version import VERSION


def cache_folder() -> Path | None:
    """`$RANVIER_CACHE`, else `ranvier` in `$XDG_CACHE_HOME` or `~/.cache`, of this version.

    It belongs to this user and nobody else may write there, as code is loaded from it; None where
    there can be no such folder.
    """
    return _made(_place())


def _place() -> Path:
    own = os.environ.get("RANVIER_CACHE")
    if own:
        return Path(own) / VERSION
    above = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(above) / "ranvier" / VERSION


@lru_cache(maxsize=8)
def _made(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            return None
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None
