"""Delimited text: which character stands between columns, and everything that can be wrong."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ranvier.core.errors import DataError, SourceError
from ranvier.data.tabular.numbers import NULL_SPELLINGS, has_leading_zeros
from ranvier.data.tabular.scan import Scan, scan

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_UNUSUAL = ":^~#/ "
_SAMPLE_BYTES = 1 << 18
_INFER_ROWS = 10_000


@dataclass(frozen=True)
class Delimited:
    """A frame as the file spells it, the delimiter that was found, and what was noticed."""

    frame: pl.DataFrame
    delimiter: str
    notes: tuple[str, ...]


def read_delimited(path: Path) -> Delimited:
    """The table in a delimited text file with a header.

    Raises:
        SourceError: an empty file, or one that is not UTF-8.
        DataError: a header without rows, duplicate names, a ragged line, an unknown delimiter.
    """
    lines = _first_lines(path)
    delimiter = sniff_delimiter(lines, prefer="\t" if path.suffix.lower() in _TAB else ",")
    seen = scan(path, delimiter)
    header = next(csv.reader(lines, delimiter=delimiter))
    _check_header(path, header, lines, delimiter, seen)
    frame = _parse(path, delimiter)
    if seen.blank_lines and frame.width > 1:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if frame.is_empty():
        raise DataError(f"{path}: a header and no rows; expected at least one row of data.")
    if len(header) != frame.width:
        raise DataError(
            f"{path}, line 1: the header cannot be told from the rows; expected names between "
            f"{DELIMITERS[delimiter]} and then a line break. Remove stray quotes and carriage "
            "returns from it."
        )
    names = [name.strip() or f"column {place}" for place, name in enumerate(header, start=1)]
    notes = _notes(path, delimiter, names)
    return Delimited(frame.rename(dict(zip(frame.columns, names, strict=True))), delimiter, notes)


_TAB = {".tsv", ".tab"}


def _first_lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        block = file.read(_SAMPLE_BYTES)
    if not block.strip():
        raise SourceError(f"{path}: the file is empty; expected a header line and rows of data.")
    encoding = "utf-16" if block[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    lines = block.decode(encoding, errors="replace").splitlines(keepends=True)
    if len(block) == _SAMPLE_BYTES and len(lines) > 1:
        lines = lines[:-1]
    filled = [line for line in lines if line.strip("\r\n")]
    return filled or lines


def sniff_delimiter(lines: list[str], *, prefer: str = ",") -> str:
    """The character that splits the header, and the most lines into as many fields as it.

    >>> sniff_delimiter(["a;b", "1,5;2"])
    ';'
    """

    def score(delimiter: str) -> tuple[float, int, bool]:
        counts = [len(row) for row in csv.reader(lines[:500], delimiter=delimiter)]
        if not counts or counts[0] < 2:
            return 0.0, 0, delimiter == prefer
        agreeing = sum(count == counts[0] for count in counts) / len(counts)
        return round(agreeing, 2), counts[0], delimiter == prefer

    try:
        return max(DELIMITERS, key=score)
    except csv.Error:
        return prefer


def _check_header(
    path: Path, header: list[str], lines: list[str], delimiter: str, seen: Scan
) -> None:
    names = [name.strip() for name in header]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        listed = ", ".join(repr(name) for name in repeated)
        raise DataError(
            f"{path}, line 1: more than one column is called {listed}; expected a different name "
            "for each column. Rename them."
        )
    if len(names) == 1:
        _refuse_unknown_delimiter(path, lines)
    if seen.num_lines - seen.blank_lines <= 1:
        raise DataError(f"{path}: a header and no rows; expected at least one row of data.")


def _refuse_unknown_delimiter(path: Path, lines: list[str]) -> None:
    for mark in _UNUSUAL:
        counts = {line.strip().count(mark) for line in lines[:100]}
        if len(counts) == 1 and counts.pop() > 0:
            raise DataError(
                f"{path}: everything landed in one column, {lines[0].strip()!r}; it looks as if "
                f"{mark!r} stands between columns. Expected commas, tabs, semicolons or bars: "
                "write the file again with one of these."
            )


def _parse(path: Path, delimiter: str) -> pl.DataFrame:
    codes = _columns_of_codes(path, delimiter)

    def read(rows: int | None) -> pl.DataFrame:
        return pl.read_csv(
            path,
            separator=delimiter,
            null_values=list(NULL_SPELLINGS),
            schema_overrides=dict.fromkeys(codes, pl.String),
            infer_schema_length=rows,
            glob=False,
        )

    try:
        return _retry_with_all_rows(read)
    except pl.exceptions.NoDataError:
        raise SourceError(f"{path}: the file is empty; expected a header and rows.") from None
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: this file cannot be read as delimited text: {first}.") from error


def _retry_with_all_rows(read: Callable[[int | None], pl.DataFrame]) -> pl.DataFrame:
    """Types from the first rows, which is fast; from all of them where the first ones misled."""
    try:
        return read(_INFER_ROWS)
    except pl.exceptions.ComputeError:
        return read(None)


def _columns_of_codes(path: Path, delimiter: str) -> list[str]:
    """Columns whose first rows hold a number such as 007: reading it as 7 would lose the code."""
    try:
        sample = pl.read_csv(
            path, separator=delimiter, infer_schema=False, n_rows=_INFER_ROWS, glob=False
        )
    except pl.exceptions.PolarsError:
        return []
    return [column.name for column in sample if has_leading_zeros(column)]


def _notes(path: Path, delimiter: str, names: list[str]) -> tuple[str, ...]:
    expected = "\t" if path.suffix.lower() in _TAB else ","
    notes = []
    if delimiter != expected and len(names) > 1:
        notes.append(f"{DELIMITERS[delimiter]} were found between the columns")
    if _looks_like_data(names):
        notes.append(
            f"the first line, {', '.join(names[:4])} …, was taken for the header though it looks "
            "like data: add a header line if it is"
        )
    return tuple(notes)


def _looks_like_data(names: list[str]) -> bool:
    """All names are numbers, and not a count such as 0, 1, 2."""
    try:
        values = [float(name) for name in names]
    except ValueError:
        return False
    return any(b - a != 1.0 for a, b in itertools.pairwise(values))
