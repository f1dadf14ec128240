"""From cells to values: columns of text that hold numbers or dates become numbers and dates.

A file of text says nothing about types, so every cell is looked at here, before any row is split
off: a word among numbers is an error that names its row, not a reason to call ages a category.
What a column then *means* to the network is decided on the training rows alone (`infer`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ranvier.core.errors import DataError
from ranvier.data.tabular.dates import (
    as_datetime,
    date_format,
    looks_like_dates,
    other_reading,
    parse_dates,
)
from ranvier.data.tabular.numbers import (
    Decimal,
    decimal_mark,
    has_leading_zeros,
    parse_numbers,
    trimmed,
    without_nan_words,
)
from ranvier.data.tabular.read import Table
from ranvier.data.tabular.schema import category_option

_SAMPLE = 5_000
# From this share of numbers on, a word among them is taken for a slip and not for a category.
_MOSTLY = 0.8
# A column with no more different numbers than this may as well hold grades "1", "2", "3", "N".
_FEW_NUMBERS = 20


@dataclass
class Typed:
    """A table of numbers, words, booleans and moments, and how its text spelled them."""

    frame: pl.DataFrame
    decimals: dict[str, Decimal] = field(default_factory=dict)
    date_formats: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)  # columns that the source calls categories


def typed(table: Table, *, categories: Collection[str] = ()) -> Typed:
    """Every column of `table` as float, integer, boolean, datetime or text.

    Raises:
        DataError: for all columns together: words among numbers, dates that do not parse, nested
            values. Each names its column, its row (the first row of data is row 1) and its value.
    """
    result = Typed(table.frame)
    columns: list[pl.Series] = []
    problems: list[str] = []
    for column in table.frame:
        try:
            if column.name in categories:
                columns.append(canonical_text(column))
            else:
                columns.append(_convert(column, table, result))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    result.frame = pl.DataFrame(columns)
    return result


def _convert(column: pl.Series, table: Table, result: Typed) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        result.declared.add(column.name)
    if kind == pl.String or column.name in result.declared:
        return _from_text(trimmed(column.cast(pl.String)), table, result)
    if kind == pl.Boolean:
        return column
    return _from_values(column, f"{table.source}, column {column.name!r}")


def _from_values(column: pl.Series, where: str) -> pl.Series:
    kind = column.dtype
    if kind.is_integer():
        small = column.cast(pl.Int64, strict=False)
        return small if small.null_count() == column.null_count() else column.cast(pl.Float64)
    if kind.is_numeric():
        return column.cast(pl.Float64)
    if kind == pl.Null:
        return column.cast(pl.Float64)
    if kind in (pl.Date, pl.Datetime):
        return as_datetime(column)
    if kind == pl.Time:
        return column.cast(pl.Int64).cast(pl.Float64) / 1e9
    if kind == pl.Duration:
        return column.dt.total_microseconds().cast(pl.Float64) / 1e6
    raise DataError(
        f"{where}: cells of type {kind}; expected numbers, words, booleans or dates. Spread nested "
        "values over columns of their own, or leave the column out with `--set ignore=NAME`."
    )


def _from_text(text: pl.Series, table: Table, result: Typed) -> pl.Series:
    sample = _sample(text)
    if sample.is_empty():
        return text
    lowered = set(sample.str.to_lowercase().unique())
    if lowered <= {"true", "false"}:
        return _from_booleans(text)
    decimal = decimal_mark(sample, delimiter=table.delimiter)
    if parse_numbers(sample, decimal=decimal).null_count() <= len(sample) / 2:
        return _from_numbers(text, table, result)
    if looks_like_dates(sample):
        return _from_dates(text, sample, table, result)
    return without_nan_words(text)


def _sample(text: pl.Series) -> pl.Series:
    present = text.drop_nulls()
    if len(present) <= _SAMPLE:
        return present
    return present.gather(np.linspace(0, len(present) - 1, _SAMPLE).astype(np.int64))


def _from_booleans(text: pl.Series) -> pl.Series:
    lowered = text.str.to_lowercase()
    if not set(lowered.drop_nulls().unique()) <= {"true", "false"}:
        return without_nan_words(text)
    return lowered == "true"


def _from_numbers(text: pl.Series, table: Table, result: Typed) -> pl.Series:
    decimal = decimal_mark(text, delimiter=table.delimiter)
    numbers = parse_numbers(text, decimal=decimal)
    bad = numbers.is_null() & text.is_not_null()
    num_bad, num_good = int(bad.sum()), int(numbers.is_not_null().sum())
    if num_bad and _is_a_number_column(numbers, num_good, num_bad):
        where = f"{table.source}, column {text.name!r}"
        raise DataError(_words_among_numbers(where, text, bad, num_good))
    if num_bad:
        result.notes[text.name] = f"words and numbers mixed ({num_good:,} of its cells are numbers)"
        return without_nan_words(text)
    if has_leading_zeros(text):
        result.notes[text.name] = "codes with leading zeros"
        return text
    result.decimals[text.name] = decimal
    return _whole_numbers(numbers)


def _is_a_number_column(numbers: pl.Series, num_good: int, num_bad: int) -> bool:
    if num_good < _MOSTLY * (num_good + num_bad):
        return False
    present = numbers.drop_nulls()
    num_distinct = present.n_unique()
    has_fractions = bool((present.drop_nans() % 1 != 0).any())
    return has_fractions or num_distinct > _FEW_NUMBERS or num_distinct > num_good / 2


def _words_among_numbers(where: str, text: pl.Series, bad: pl.Series, num_good: int) -> str:
    shown = _examples(text, bad)
    return (
        f"{where}: {int(bad.sum())} of {num_good + int(bad.sum()):,} cells are no number: {shown}; "
        f"expected numbers. Mend or empty these cells, or read the column as categories with "
        f"`{category_option(text.name)}`."
    )


def _examples(text: pl.Series, bad: pl.Series) -> str:
    rows = bad.arg_true().to_list()
    listed = ", ".join(f"row {row + 1} says {text[row]!r}" for row in rows[:3])
    return listed + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")


def _whole_numbers(numbers: pl.Series) -> pl.Series:
    whole = numbers.drop_nulls()
    if bool(((whole % 1 == 0) & (whole.abs() < 2**53)).all()):
        return numbers.cast(pl.Int64)
    return numbers


def _from_dates(text: pl.Series, sample: pl.Series, table: Table, result: Typed) -> pl.Series:
    form = date_format(sample)
    if form is None:
        return without_nan_words(text)
    where = f"{table.source}, column {text.name!r}"
    moments = parse_dates(text, form)
    bad = moments.is_null() & text.is_not_null()
    if bad.any():
        readable = form.replace("%.f", "").replace("%#z", "+00:00")
        raise DataError(
            f"{where}: {int(bad.sum())} of {len(text) - text.null_count():,} dates do not parse: "
            f"{_examples(text, bad)}; expected dates written as {readable}, as in "
            f"{text.filter(moments.is_not_null())[0]!r}. Mend or empty these cells, or leave the "
            f"column out with `--set ignore={text.name}`."
        )
    result.date_formats[text.name] = form
    if other_reading(text, form):
        order = "month before day" if form.startswith("%m") else "day before month"
        result.notes[text.name] = f"dates read with the {order}, though they fit the other way too"
    return moments


def canonical_text(column: pl.Series) -> pl.Series:
    """The label of each cell as text, the same for 1, 1.0 and "1", null where missing.

    A column of whole numbers comes as floats from pandas as soon as one is missing, and as text
    from a file in which another row holds a word: the category must not depend on that.
    """
    kind = column.dtype
    if kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum):
        return without_nan_words(trimmed(column.cast(pl.String)))
    if kind.is_float() or kind.is_decimal():
        cell = pl.col("cell").cast(pl.Float64).fill_nan(None)
        is_whole = (cell % 1 == 0) & (cell.abs() < 2**53)
        text = (
            pl.when(is_whole)
            .then(pl.when(is_whole).then(cell).cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(cell.cast(pl.String))
        )
        return column.rename("cell").to_frame().select(text.alias(column.name)).to_series()
    return column.cast(pl.String)
