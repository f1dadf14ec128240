"""A column of a new table read as the kind that training saw; what does not fit is said."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.data.tabular.dates import as_datetime, parse_dates
from ranvier.data.tabular.numbers import Decimal, parse_numbers, trimmed, without_nan_words
from ranvier.data.tabular.typed import canonical_text

Floats = NDArray[np.float64]


def numbers_of(column: pl.Series, *, decimal: Decimal, first_row: int = 0) -> Floats:
    """The column as float64, NaN where missing or infinite.

    Raises:
        DataError: words or dates where numbers were; naming the first of them.
    """
    kind = column.dtype
    if kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum):
        text = without_nan_words(trimmed(column.cast(pl.String)))
        numbers = parse_numbers(text, decimal=decimal)
        refuse_unread(text, numbers, "a number, as in training", first_row)
        return _floats(numbers)
    if kind == pl.Time:
        return _floats(column.cast(pl.Int64).cast(pl.Float64) / 1e9)
    if kind == pl.Duration:
        return _floats(column.dt.total_microseconds().cast(pl.Float64) / 1e6)
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        raise DataError(f"column {column.name!r}: values of type {kind}; expected numbers.")
    return _floats(column)


def _floats(column: pl.Series) -> Floats:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def labels_of(column: pl.Series) -> pl.Series:
    """The column as text labels, null where missing.

    Raises:
        DataError: nested values.
    """
    if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary):
        raise DataError(f"column {column.name!r}: values of type {column.dtype}; expected words.")
    return canonical_text(column)


def moments_of(column: pl.Series, *, form: str | None, first_row: int = 0) -> pl.Series:
    """The column as datetimes, null where missing; text is read in the format of training, or in
    ISO 8601.

    Raises:
        DataError: text that is no date, or numbers.
    """
    kind = column.dtype
    if kind in (pl.Date, pl.Datetime) or kind == pl.Null:
        return as_datetime(column)
    if kind != pl.String:
        raise DataError(f"column {column.name!r}: values of type {kind}; expected dates.")
    text = without_nan_words(trimmed(column))
    formats: list[str] = [form] if form else []
    formats += [iso for iso in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%.f") if iso != form]
    moments = pl.Series(column.name, [None] * len(text), dtype=pl.Datetime("us"))
    for candidate in formats:
        unread = text.set(moments.is_not_null(), None)
        if unread.null_count() == len(unread):
            break
        moments = moments.zip_with(moments.is_not_null(), parse_dates(unread, candidate))
    refuse_unread(text, moments, f"a date written as {form or '%Y-%m-%d'}", first_row)
    return moments


def refuse_unread(text: pl.Series, values: pl.Series, wanted: str, first_row: int) -> None:
    """Refuse cells that say something which became no value."""
    bad = values.is_null() & text.is_not_null()
    if not bad.any():
        return
    row = int(bad.arg_true()[0])
    count = int(bad.sum())
    more = f" (and {count - 1:,} more cells)" if count > 1 else ""
    raise DataError(
        f"column {text.name!r}: row {first_row + row + 1} says {text[row]!r}{more}; expected "
        f"{wanted}. Mend or empty the cell."
    )
