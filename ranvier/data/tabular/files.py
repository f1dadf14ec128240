"""Tables in files that carry their own types: Parquet, Feather, JSON lines, Excel."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from ranvier.core.errors import DataError, MissingExtraError, SourceError


def read_parquet(path: Path) -> pl.DataFrame:
    """Parquet, told by its own mark at both ends."""
    return _read_binary(path, "Parquet", (b"PAR1",))


def read_feather(path: Path) -> pl.DataFrame:
    """Feather version 2, which is an Arrow IPC file, or an Arrow IPC stream."""
    return _read_binary(path, "Feather (Arrow IPC)", (b"ARROW1", b"\xff\xff\xff\xff"))


def _read_binary(path: Path, kind: str, marks: tuple[bytes, ...]) -> pl.DataFrame:
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise SourceError(f"{path}: the file is empty; expected a {kind} file.")
    if not start.startswith(marks):
        raise SourceError(
            f"{path}: not a {kind} file: it starts with {start!r}. Give the file the ending of "
            "what it is (.csv, .tsv, .jsonl, .parquet, .feather, .xlsx)."
        )
    try:
        if kind == "Parquet":
            return pl.read_parquet(path, glob=False)
        if start.startswith(b"ARROW1"):
            return pl.read_ipc(path)
        return pl.read_ipc_stream(path)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"{path}: this {kind} file is damaged or cut off and cannot be read ({first}). "
            "Copy or write it again."
        ) from error


def read_json_lines(path: Path) -> pl.DataFrame:
    """One JSON object a line; a line that is none is named.

    Raises:
        SourceError: an empty file.
        DataError: a line that is no JSON object.
    """
    if not path.stat().st_size:
        raise SourceError(f"{path}: the file is empty; expected one JSON object a line.")
    try:
        # Types from all lines: a key that first shows late would otherwise be lost.
        return pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        _find_bad_line(path)
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: not one JSON object a line: {first}.") from error


def _find_bad_line(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{path}, line {number}: not JSON: {error}. Expected one object a line, as in "
                    '{"age": 31, "city": "Ulm"}.'
                ) from None
            if not isinstance(value, dict):
                raise DataError(
                    f"{path}, line {number}: a JSON {type(value).__name__}; expected one object a "
                    'line, as in {"age": 31, "city": "Ulm"}.'
                )


def read_excel(path: Path) -> pl.DataFrame:
    """The first sheet of a workbook.

    Raises:
        MissingExtraError: the reader of workbooks is not installed.
        SourceError: a file that is no workbook.
    """
    try:
        import fastexcel  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            f"{path}: reading Excel needs an optional package. Install it with "
            "`pip install 'ranvier[excel]'`, or save the sheet as CSV."
        ) from None
    try:
        return pl.read_excel(path, engine="calamine", infer_schema_length=None)
    except Exception as error:
        # calamine, fastexcel and polars each raise their own kind for a broken workbook.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"{path}: this Excel workbook cannot be read ({first}). Save it again, or as CSV."
        ) from error
