"""Whether a source is pictures rather than a table: told by names, shapes and a few first rows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ranvier.core.errors import RanvierError
from ranvier.data.image.array_files import is_array_file
from ranvier.data.image.arrays import is_array
from ranvier.data.image.list_pictures import is_list_of_paths
from ranvier.data.image.suffixes import (
    PICTURE_SUFFIXES,
    TABLE_SUFFIXES,
    is_passed_over,
    is_picture_name,
    suffix,
)
from ranvier.data.image.tables import names_pictures
from ranvier.data.tabular.read import Table, read_table
from ranvier.runs.settings import TrainSettings

_ROWS = 1_000
_BYTES = 1 << 16
_PICTURE_IN_TEXT = re.compile(
    rb"(" + b"|".join(re.escape(ending.encode()) for ending in sorted(PICTURE_SUFFIXES)) + rb")\b",
    re.IGNORECASE,
)


def is_pictures(source: Any, settings: TrainSettings) -> bool:
    """Whether `source` holds or names pictures rather than the rows of a table.

    A folder does, unless all in it are tables; a file by its ending; an array by its axes; and a
    table where a column names picture files that are there. A table that cannot be read is none:
    its own reader says what is wrong with it.

    >>> is_pictures("mnist", TrainSettings()), is_pictures("iris", TrainSettings())
    (True, False)
    """
    try:
        if isinstance(source, str | Path):
            return _is_named(source, settings)
        return _is_in_memory(source, settings)
    except (RanvierError, OSError, pl.exceptions.PolarsError):
        return False


def _is_named(source: str | Path, settings: TrainSettings) -> bool:
    from ranvier.data.known import is_known_pictures

    path = Path(source).expanduser()
    if path.is_dir():
        tables = _tables_alone(path)
        return not tables or any(_is_named(table, settings) for table in tables)
    if is_picture_name(path.name) or (is_array_file(path.name) and path.exists()):
        return True
    if not path.exists():
        return is_known_pictures(source)
    frame = _first_rows(path)
    return frame is not None and names_pictures(frame, path.parent, settings)


def _first_rows(path: Path) -> pl.DataFrame | None:
    """Rows of a table that may name pictures; None of a text that does not look like it."""
    kind = suffix(path.name)
    if kind in (".parquet", ".pq"):
        return pl.read_parquet(path, n_rows=_ROWS, glob=False)
    if kind in (".feather", ".arrow", ".ipc"):
        return pl.read_ipc(path, n_rows=_ROWS)
    if not kind.startswith((".xls", ".ods")):
        with path.open("rb") as file:
            if not _PICTURE_IN_TEXT.search(file.read(_BYTES)):
                return None
    return read_table(path)


def _tables_alone(folder: Path) -> list[Path]:
    """The tables in a folder that holds nothing else."""
    try:
        with os.scandir(folder) as entries:
            listed = [entry for entry in entries if not is_passed_over(entry.name)]
    except OSError:
        return []
    tables = [e for e in listed if suffix(e.name) in TABLE_SUFFIXES and e.is_file()]
    return [Path(entry.path) for entry in tables] if len(tables) == len(listed) else []


def _is_in_memory(source: Any, settings: TrainSettings) -> bool:
    if isinstance(source, tuple) and len(source) == 2:
        return _is_image_array(source[0]) or is_list_of_paths(source[0])
    if is_array(source):
        return _is_image_array(source)
    if is_list_of_paths(source):
        return True
    if isinstance(source, Table):
        return names_pictures(source.frame.head(_ROWS), Path.cwd(), settings)
    if isinstance(source, Mapping) and any(map(_is_image_array, _flat(source))):
        return True
    first = source[:_ROWS] if isinstance(source, list) else source
    if hasattr(first, "head"):
        first = first.head(_ROWS)
    return names_pictures(read_table(first), Path.cwd(), settings)


def _flat(source: Mapping[Any, Any]) -> list[Any]:
    return [
        value[0] if isinstance(value, tuple | list) and len(value) == 2 else value
        for value in source.values()
    ]


def _is_image_array(value: Any) -> bool:
    return is_array(value) and len(value.shape) in (3, 4)
