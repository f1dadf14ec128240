"""JSON documents that know their own bytes: readable, stable, and refused when anything changed.

A document is the mapping it was given, in that order, between `"format"`, its first key, and
`"digest"`, its last: the SHA-256 of the text without that line. A reader renders what it read
again and compares every byte, so that even a changed space is found.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs.durable import write_file

FORMAT = 1
_LINE = 100


def plain(value: Any) -> Any:
    """`value` as JSON can say it: NumPy's numbers and arrays plain, paths as text, NaN as null.

    >>> plain({"loss": float("nan"), "shape": (28, 28)})
    {'loss': None, 'shape': [28, 28]}
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"a document cannot hold a {type(value).__name__}: {value!r}")


def _pretty(value: Any, indent: str = "") -> str:
    """JSON on one line where it fits, else a line for each member."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(indent) + len(flat) <= _LINE or not isinstance(value, (dict, list)) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        opening, closing = "[]"
        members = [_pretty(member, inner) for member in value]
    else:
        opening, closing = "{}"
        names = [json.dumps(name, ensure_ascii=False) for name in value]
        members = [f"{n}: {_pretty(v, inner)}" for n, v in zip(names, value.values(), strict=True)]
    return f"{opening}\n{inner}" + f",\n{inner}".join(members) + f"\n{indent}{closing}"


def _text(document: Mapping[str, Any]) -> bytes:
    # A name that is not Unicode (a lone surrogate) becomes the escape that JSON has for it.
    return (_pretty(document) + "\n").encode("utf-8", "backslashreplace")


def render_document(mapping: Mapping[str, Any]) -> bytes:
    """The bytes of the document that holds `mapping`."""
    content = plain(mapping)
    if content.pop("format", FORMAT) != FORMAT or "digest" in content:
        raise ValueError(f"a document sets its digest and its format ({FORMAT}) itself")
    document = {"format": FORMAT, **content}
    return _text({**document, "digest": hashlib.sha256(_text(document)).hexdigest()})


def write_document(path: str | Path, mapping: Mapping[str, Any]) -> None:
    """Put `mapping` into the file `path`, whole or not at all.

    Raises:
        RunError: the disk is full, or the place may not be written.
    """
    write_file(Path(path), [render_document(mapping)])


def read_document(path: str | Path) -> dict[str, Any]:
    """The mapping that was written to `path`.

    Raises:
        RunError: it is not there or cannot be read.
        DamagedError: its bytes are not the bytes that were written.
        FormatError: a newer Ranvier wrote it.
    """
    path = Path(path)
    return parse_document(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """All of a run's file.

    Raises:
        RunError: it is not there or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: this file of the run is missing. Restore it from a copy, or train again."
        ) from error
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read ({error.strerror}). Check the path and its permissions."
        ) from error


def parse_document(path: Path, data: bytes) -> dict[str, Any]:
    """The mapping in `data`, the bytes of the document at `path`; raises as `read_document`."""
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is no longer JSON: {error}") from error
    if not isinstance(document, dict):
        raise _damaged(path, f"it holds a {type(document).__name__}, not a mapping")
    written_in = document.get("format")
    if isinstance(written_in, int) and written_in > FORMAT:
        raise FormatError(newer(path, written_in, FORMAT))
    mapping = {key: value for key, value in document.items() if key not in ("format", "digest")}
    try:
        whole = render_document(mapping) == data
    except ValueError:
        whole = False
    if not whole:
        raise _damaged(path, "its digest does not fit its text")
    return mapping


def newer(path: Path, written_in: int, known: int) -> str:
    """The message about a file of a format that this Ranvier does not know yet."""
    return (
        f"{path} was written by a newer Ranvier (format {written_in}; this one reads up to "
        f"{known}). Upgrade Ranvier to read it: pip install --upgrade ranvier."
    )


def _damaged(path: Path, why: str) -> DamagedError:
    return DamagedError(
        f"{path}: damaged, or edited by hand: {why}. "
        "Restore it from a copy, or train again into another folder."
    )
