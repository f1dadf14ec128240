"""What the columns of a table say of each picture: a class, a number, or several classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from ranvier.core.errors import DataError, suggestion
from ranvier.data.image.listing import Label, Problem
from ranvier.data.tabular.numbers import trimmed
from ranvier.data.tabular.read import Table
from ranvier.data.tabular.target import regression_values
from ranvier.data.tabular.typed import typed
from ranvier.runs.settings import TrainSettings

Labels = list[Label | None]

_MARKS = ("|", ";")


def labels_of(
    table: Table, names: Sequence[str], settings: TrainSettings
) -> tuple[Labels, list[Problem]]:
    """The label of each row, None where it has none, and what was found on the way.

    One column holds a class, a number, a list of classes, or classes written `a|b` or `a;b`;
    several columns hold 0 or 1 each and are classes themselves.

    Raises:
        DataError: columns that are not there, or values that are no labels; all at once.
    """
    frame = table.frame
    if unknown := [name for name in names if name not in frame.columns]:
        raise DataError(
            "\n".join(
                f"{table.source}: no column {name!r} (target). {suggestion(name, frame.columns)}"
                for name in unknown
            )
        )
    if len(names) > 1:
        return _from_indicators(table, names)
    column = frame[names[0]]
    if isinstance(column.dtype, pl.List | pl.Array):
        return _with_missing(_from_lists(column), column.name)
    if column.dtype == pl.String and settings.task not in ("classification", "regression"):
        if mark := separator(column, is_asked=settings.task == "multilabel"):
            return _from_marked(column, mark)
    narrowed = replace(table, frame=frame.select(column.name))
    values = typed(narrowed, categories=settings.categories).frame[column.name]
    if values.dtype.is_temporal():
        days = iter(regression_values(values.drop_nulls()).tolist())
        labels: Labels = [None if value is None else next(days) for value in values]
    else:
        labels = values.to_list()
    return _with_missing(labels, column.name)


def separator(column: pl.Series, *, is_asked: bool = False) -> str | None:
    """What stands between the classes of one cell, None where each cell is one class.

    Labels that merely contain such a mark do not share what it separates: the pieces must be no
    more than the cells' different values, unless `is_asked`.

    >>> separator(pl.Series(["cat|dog", "dog", "cat"])), separator(pl.Series(["a;b", "c"]))
    ('|', None)
    """
    different = trimmed(column).drop_nulls().unique().to_list()
    for mark in _MARKS:
        if any(mark in text for text in different):
            pieces = {piece for text in different for piece in _pieces(text, mark)}
            return mark if is_asked or len(pieces) <= len(different) else None
    return None


def _pieces(text: str, mark: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.strip() for piece in text.split(mark) if piece.strip()))


def _from_marked(column: pl.Series, mark: str) -> tuple[Labels, list[Problem]]:
    texts = trimmed(column).to_list()
    labels: Labels = [() if text is None else _pieces(text, mark) for text in texts]
    empty = [row for row, label in enumerate(labels) if not label]
    if not empty:
        return labels, []
    detail = f"{len(empty):,} rows name none, the first is row {empty[0] + 1}: none holds there"
    return labels, [Problem(f"column {column.name}", "no classes", detail, is_left_out=False)]


def _from_lists(column: pl.Series) -> Labels:
    return [
        None if cells is None else tuple(dict.fromkeys(str(c) for c in cells if c is not None))
        for cells in column.to_list()
    ]


def _from_indicators(table: Table, names: Sequence[str]) -> tuple[Labels, list[Problem]]:
    values = typed(replace(table, frame=table.frame.select(names))).frame
    wrong = [words for name in names if (words := _not_indicator(values[name]))]
    if wrong:
        raise DataError(
            "\n".join(
                f"{table.source}, {words}; expected 0 or 1 in each column of several targets. "
                "Mend it, or name one column with --target."
                for words in wrong
            )
        )
    rows = values.select(pl.col(names).cast(pl.Int8)).rows()
    labels: Labels = [
        None if None in row else tuple(name for name, holds in zip(names, row) if holds)
        for row in rows
    ]
    return _with_missing(labels, ", ".join(names))


def _not_indicator(column: pl.Series) -> str | None:
    """What is wrong with a column that should hold 0 and 1, None where nothing is."""
    if column.dtype in (pl.Boolean, pl.Null):
        return None
    if column.dtype.is_numeric():
        bad = ~column.is_in([0, 1]) & column.is_not_null()
    else:
        bad = column.is_not_null()
    if not bad.any():
        return None
    row = int(bad.arg_true()[0])
    return f"column {column.name!r}: row {row + 1} says {column[row]!r} ({bad.sum():,} such rows)"


def _with_missing(labels: Labels, name: str) -> tuple[Labels, list[Problem]]:
    missing = [row for row, label in enumerate(labels) if label is None]
    if not missing:
        return labels, []
    detail = f"{len(missing):,} rows have none, the first is row {missing[0] + 1}"
    return labels, [Problem(f"column {name}", "no label", detail)]
