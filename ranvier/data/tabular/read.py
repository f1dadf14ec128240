"""One way in for every table: a path, the name of a known data set, or a frame in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ranvier.core.errors import DataError, SourceError, nearest
from ranvier.data.tabular.delimited import read_delimited
from ranvier.data.tabular.files import read_excel, read_feather, read_json_lines, read_parquet
from ranvier.data.tabular.frames import frame_from_memory

_DELIMITED = {".csv", ".tsv", ".tab", ".txt", ".data", ".dat"}
_TYPED = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".feather": read_feather,
    ".arrow": read_feather,
    ".ipc": read_feather,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".xlsx": read_excel,
    ".xls": read_excel,
    ".xlsb": read_excel,
    ".ods": read_excel,
}


@dataclass(frozen=True)
class Table:
    """A table as its source spells it, and what there is to say about the source.

    `has_names` is false for a bare array, whose columns are called x0, x1 and so on by us.
    """

    frame: pl.DataFrame
    source: str
    notes: tuple[str, ...] = ()
    delimiter: str | None = None
    has_names: bool = True


def read_table(source: Any, *, where: str | None = None) -> pl.DataFrame:
    """The table that `source` holds or names, as a polars frame.

    `source` is a path, the name of a known data set, any data frame, a mapping of columns, a list
    of records, an array [rows, columns] or a pair (X, y). `where` names it in messages.

    Raises:
        SourceError: data that is not there or cannot be read.
        DataError: data that is no well-formed table.

    >>> read_table({"age": [31, 40]}).columns
    ['age']
    """
    return read_source(source, where=where).frame


def read_source(source: Any, *, where: str | None = None) -> Table:
    """`read_table` with what is known about where the table came from."""
    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        table = _read_named(source)
    else:
        frame = frame_from_memory(source, where=where or "the table")
        name = where or f"{type(source).__name__} in memory"
        table = Table(frame, name, has_names=_has_names(source))
    if table.frame.width == 0:
        raise DataError(f"{table.source}: a table without columns.")
    if table.frame.height == 0:
        raise DataError(f"{table.source}: a header and no rows; expected at least one row of data.")
    return table


def _has_names(source: Any) -> bool:
    """Whether the columns' names come from the caller: arrays and bare lists have none."""
    inputs = source[0] if isinstance(source, tuple) else source
    if isinstance(inputs, list):
        return bool(inputs) and isinstance(inputs[0], Mapping)
    return isinstance(inputs, Mapping) or hasattr(type(inputs), "columns")


def _read_named(source: str | Path) -> Table:
    path = Path(source).expanduser()
    if path.is_dir():
        raise SourceError(f"{path}: a folder; expected a file that holds one table.")
    if path.exists():
        return _read_file(path, str(source))
    from ranvier.data.known import catalogue, get, is_known, is_known_pictures

    if is_known_pictures(source):
        raise SourceError(f"{source}: a set of pictures; expected a table. Name a table.")
    if is_known(source):
        return _read_file(Path(get(str(source))), str(source))
    known = [entry.name for entry in catalogue()] if isinstance(source, str) else []
    raise SourceError(_not_there(path, known))


def _not_there(path: Path, known: list[str]) -> str:
    folder = path.parent
    if not folder.is_dir():
        beside: list[str] = []
        message = f"{path}: no such file; there is no folder {folder} either."
    else:
        beside = [entry.name for entry in folder.iterdir()]
        message = f"{path}: no such file."
    hints = []
    if close := nearest(path.name, beside):
        hints.append(f"Did you mean {str(folder / close)!r}?")
    if close := nearest(path.name, known):
        hints.append(f"A known data set is called {close!r}.")
    if not hints:
        hints.append(
            "Give the path of a table, or the name of a known data set "
            "(`ranvier data list` shows them)."
        )
    return " ".join([message, *hints])


def _read_file(path: Path, source: str) -> Table:
    suffix = path.suffix.lower()
    try:
        if suffix in _DELIMITED:
            read = read_delimited(path)
            return Table(read.frame, source, read.notes, read.delimiter)
        if suffix in _TYPED:
            return Table(_TYPED[suffix](path), source)
    except PermissionError as error:
        raise SourceError(f"{path}: no permission to read this file.") from error
    listed = ", ".join(sorted({*_DELIMITED, *_TYPED}))
    raise SourceError(
        f"{path}: a file ending in {suffix or 'nothing'!r} is no table that can be read here. "
        f"Known endings: {listed}."
    )
