"""A table that names picture files and says what each of them shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, DataError, suggestion
from ranvier.data.image.folders import file_facts
from ranvier.data.image.listing import TO_SPLIT, Label, Listing, Problem
from ranvier.data.image.problems import summary
from ranvier.data.image.suffixes import PART_NAMES, is_passed_over, is_picture_name, shown
from ranvier.data.image.table_labels import labels_of
from ranvier.data.tabular.divide import group_codes
from ranvier.data.tabular.read import Table
from ranvier.data.tabular.roles import read_weights
from ranvier.runs.settings import TrainSettings

_PART_COLUMNS = {"split", "part", "subset", "partition", "set"}
_LOOKED_AT = 1_000
_TRIED = 100
# From this share of pictures' names on a column names pictures, and the rest are slips.
_MOSTLY = 0.9


@dataclass(frozen=True)
class _Paths:
    """The column that names the pictures, and the folder that its paths begin in."""

    column: str
    base: Path


def names_pictures(frame: pl.DataFrame, folder: Path, settings: TrainSettings) -> bool:
    """Whether a column of the table names picture files that are there, seen from `folder`.

    Where there is nothing else to learn a target from, the files need not be there: that is said
    when they are read.
    """
    candidates = _candidates(frame, settings)
    if len(candidates) == 1 and frame.width <= 2:
        return "://" not in str(frame[candidates[0]].drop_nulls().first())
    return any(_num_there(frame[name], base) for name in candidates for base in _bases(folder))


def list_table(
    table: Table,
    folder: Path,
    settings: TrainSettings,
    *,
    for_prediction: bool = False,
    kind: str = "table",
) -> Listing:
    """The pictures that the rows of a table name, found from `folder`, and their labels.

    The paths stand in the column whose values end like pictures' names. The target is the column
    that is asked for, else the last other one. A row whose file is not there is left out and said.

    Raises:
        DataError: for a table that names no pictures, or labels that cannot be.
    """
    frame = table.frame
    if not for_prediction:
        _check_roles(frame, settings, table.source)
    found = _path_column(table, folder, settings)
    texts = [text or "" for text in frame[found.column].str.strip_chars().to_list()]
    rows, problems = _usable_rows(texts, found, table.source)
    part_column = _part_column(frame, settings)
    names = _target_columns(frame, settings, (found.column, part_column))
    labels: Sequence[Label | None] | None = None
    if names and not (for_prediction and set(names) - set(frame.columns)):
        labels, odd = labels_of(table, names, settings)
        rows, twice = (rows, []) if for_prediction else _once_each(texts, rows, labels)
        problems += [*odd, *twice]
    parts, unclear = (None, []) if part_column is None else _read_parts(frame[part_column])
    taken = _positions(rows, problems, table.source)
    named = [texts[row] for row in rows]
    group, weight = (
        name if name in frame.columns else None for name in (settings.group, settings.weight)
    )
    return Listing(
        source=table.source,
        names=tuple(map(shown, named)),
        paths=tuple(found.base / text for text in named),
        pixels=None,
        labels=_complete(labels, rows),
        target=",".join(names) if names else "class",
        parts=None if parts is None or (parts[taken] == TO_SPLIT).all() else parts[taken],
        problems=(*problems, *unclear),
        facts={**file_facts(kind, named), "paths": found.column},
        groups=group_codes(frame[group])[taken] if group else None,
        weights=read_weights(frame[weight], table.source)[taken] if weight else None,
    )


def _complete(
    labels: Sequence[Label | None] | None, rows: Sequence[int]
) -> tuple[Label, ...] | None:
    """The labels of the rows, None where not all of them have one."""
    known = [label for row in rows if labels and (label := labels[row]) is not None]
    return tuple(known) if len(known) == len(rows) else None


def _positions(rows: Sequence[int], problems: Sequence[Problem], source: str) -> NDArray[np.int64]:
    if not rows:
        raise DataError(
            f"{source}: no row holds both a picture and a label of its own; expected some to learn "
            f"from. Mend these:\n{summary(problems)}"
        )
    return np.array(rows, dtype=np.int64)


def _candidates(frame: pl.DataFrame, settings: TrainSettings) -> list[str]:
    roles = {*settings.ignore, settings.target, settings.weight, settings.group}
    found = []
    for column in frame:
        if column.dtype != pl.String or column.name in roles:
            continue
        values = column.drop_nulls().head(_LOOKED_AT).to_list()
        if values and sum(map(is_picture_name, values)) >= _MOSTLY * len(values):
            found.append(column.name)
    return found


def _path_column(table: Table, folder: Path, settings: TrainSettings) -> _Paths:
    """The column and the folder with which most of the first files are there."""
    candidates = _candidates(table.frame, settings)
    if not candidates:
        raise DataError(
            f"{table.source}: no column of {', '.join(map(repr, table.frame.columns[:8]))} names "
            "pictures; expected one whose values are paths ending like pictures' names, as in "
            "cats/1.png. Add it."
        )
    tried = [_Paths(name, base) for name in candidates for base in _bases(folder)]
    best = max(tried, key=lambda paths: _num_there(table.frame[paths.column], paths.base))
    return best if _num_there(table.frame[best.column], best.base) else tried[0]


def _bases(folder: Path) -> list[Path]:
    """The table's folder and those in it, as pictures often lie in one folder beside the table."""
    try:
        with os.scandir(folder) as entries:
            inner = sorted(e.name for e in entries if e.is_dir() and not is_passed_over(e.name))
    except OSError:
        inner = []
    return [folder, *(folder / name for name in inner[:_TRIED])]


def _num_there(column: pl.Series, base: Path) -> int:
    values = column.drop_nulls()
    sample = values.gather_every(max(1, len(values) // _TRIED)).to_list()
    return sum(os.path.isfile(base / text) for text in sample)


def _usable_rows(
    texts: Sequence[str], paths: _Paths, source: str
) -> tuple[list[int], list[Problem]]:
    """The rows whose picture is there, and a problem for each other."""
    problems = []
    rows = []
    for row, text in enumerate(texts):
        if not text:
            problems.append(Problem(f"row {row + 1}", "no path", f"{paths.column!r} is empty"))
        elif os.path.isfile(paths.base / text):
            rows.append(row)
        else:
            detail = f"row {row + 1} names it, and it is not in {paths.base}"
            problems.append(Problem(shown(text), "missing file", detail))
    if not rows:
        first = next((each.name for each in problems if each.kind == "missing file"), "nothing")
        raise DataError(
            f"{source}, column {paths.column!r}: none of {len(texts):,} files is there, such as "
            f"{first!r}; expected paths from the folder {paths.base}, or whole paths. Mend them, "
            "or put the table where they begin."
        )
    return rows, problems


def _part_column(frame: pl.DataFrame, settings: TrainSettings) -> str | None:
    """The column that says which part a row is of, by its name and its values."""
    asked = {*(settings.target or "").split(","), settings.target, *settings.ignore}
    for column in frame:
        if column.name.casefold() in _PART_COLUMNS and column.name not in asked:
            values = column.drop_nulls().unique()
            if column.dtype == pl.String and any(
                value.strip().casefold() in PART_NAMES for value in values.to_list()
            ):
                return column.name
    return None


def _read_parts(column: pl.Series) -> tuple[NDArray[np.int8], list[Problem]]:
    texts = [None if text is None else text.strip().casefold() for text in column.to_list()]
    parts = np.array([PART_NAMES.get(text or "", TO_SPLIT) for text in texts], dtype=np.int8)
    unknown = [row for row, text in enumerate(texts) if text and text not in PART_NAMES]
    if not unknown:
        return parts, []
    first = unknown[0]
    detail = (
        f"{len(unknown):,} rows are of no part known here (row {first + 1} says "
        f"{shown(column[first])!r}; expected train, validation or test); split like the others"
    )
    return parts, [Problem(f"column {column.name}", "unclear part", detail, is_left_out=False)]


def _check_roles(frame: pl.DataFrame, settings: TrainSettings, source: str) -> None:
    if settings.time:
        raise ConfigError(
            f"--time {settings.time}: pictures are not split by time. Write a column 'split' with "
            "train, validation and test, or keep what belongs together with --group."
        )
    for option, name in (("group", settings.group), ("weight", settings.weight)):
        if name and name not in frame.columns:
            raise DataError(
                f"{source}: no column {name!r} ({option}). {suggestion(name, frame.columns)}"
            )


def _target_columns(
    frame: pl.DataFrame, settings: TrainSettings, taken: Sequence[str | None]
) -> tuple[str, ...]:
    """The column asked for, or several written `a,b,c`; else the last one that is free."""
    if settings.target is not None:
        if settings.target in frame.columns:
            return (settings.target,)
        return tuple(name.strip() for name in settings.target.split(","))
    roles = {*taken, *settings.ignore, settings.group, settings.weight}
    free = [name for name in frame.columns if name not in roles]
    return tuple(free[-1:])


def _once_each(
    texts: Sequence[str], rows: Sequence[int], labels: Sequence[Label | None]
) -> tuple[list[int], list[Problem]]:
    """Each labelled file once; where its rows do not agree nobody knows which label is right."""
    places: dict[str, list[int]] = {}
    for row in rows:
        if labels[row] is not None:
            places.setdefault(os.path.normpath(texts[row]), []).append(row)
    problems: list[Problem] = []
    kept: list[int] = []
    for text, same in places.items():
        agree = len({labels[row] for row in same}) == 1
        kept += same[:1] if agree else []
        if len(same) > 1:
            listed = ", ".join(str(row + 1) for row in same[:4])
            kind = "listed twice" if agree else "listed with different labels"
            detail = f"rows {listed}: {'taken once' if agree else 'none of them was taken'}"
            problems.append(Problem(shown(text), kind, detail, is_left_out=not agree))
    return sorted(kept), problems
