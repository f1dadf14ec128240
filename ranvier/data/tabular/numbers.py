"""Numbers and missing values as people write them."""

from __future__ import annotations

from typing import Literal

import polars as pl

Decimal = Literal[".", ","]

# Spellings of "missing" that no ordinary label uses. "None" and "-" are left alone: real tables
# use them as categories. "nan" among numbers stays a NaN, so that a NaN in a target is seen.
NULL_SPELLINGS = ("", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "?", "<NA>")
NAN_SPELLINGS = ("nan", "NaN", "NAN")

_GROUPED = {".": r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$", ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$"}
_GROUPED_ONCE = r"^[+-]?\d{1,3},\d{3}$"
_LEADING_ZERO = r"^0\d+$"


def trimmed(text: pl.Series) -> pl.Series:
    """Cells without the blanks around them, and null where they say that nothing is known."""
    text = text.str.strip_chars()
    return text.set(text.is_in(NULL_SPELLINGS).fill_null(False), None)


def without_nan_words(text: pl.Series) -> pl.Series:
    """Null where a column of words says "nan"."""
    return text.set(text.is_in(NAN_SPELLINGS).fill_null(False), None)


def decimal_mark(text: pl.Series, *, delimiter: str | None = None) -> Decimal:
    """Whether a column writes 1.5 or 1,5.

    `1,234` alone can be either: where `;` stands between columns the comma is left free for
    decimals, and elsewhere it groups thousands.

    >>> decimal_mark(pl.Series(["1,5", "20"]))
    ','
    >>> decimal_mark(pl.Series(["1,234,567.8", "20"]))
    '.'
    """
    with_comma = text.filter(text.str.contains(",", literal=True).fill_null(False))
    if with_comma.is_empty() or not with_comma.str.contains(_GROUPED["."]).all():
        return "." if with_comma.is_empty() else ","
    ambiguous = bool(with_comma.str.contains(_GROUPED_ONCE).all())
    return "," if ambiguous and delimiter == ";" else "."


def parse_numbers(text: pl.Series, *, decimal: Decimal = ".") -> pl.Series:
    """Float64, null where a trimmed cell is no number; `1,234.5`, `12 %` and `$5` are numbers.

    >>> parse_numbers(pl.Series(["1.5", "1,000", "7 %", "x"])).to_list()
    [1.5, 1000.0, 7.0, None]
    >>> parse_numbers(pl.Series(["1,5", "1.000"]), decimal=",").to_list()
    [1.5, 1000.0]
    """
    bare = pl.col("cell").str.replace(r"^([+-]?)[$€£]\s*", "$1").str.replace(r"\s*%$", "")
    grouping = "," if decimal == "." else "."
    number = (
        pl.when(bare.str.contains(_GROUPED[decimal]))
        .then(bare.str.replace_all(grouping, "", literal=True))
        .otherwise(bare)
    )
    if decimal == ",":
        number = number.str.replace(",", ".", literal=True)
    parsed = number.cast(pl.Float64, strict=False)
    return text.rename("cell").to_frame().select(parsed.alias(text.name)).to_series()


def has_leading_zeros(text: pl.Series) -> bool:
    """Codes such as 007 or a postcode 01234, which lose their meaning as numbers."""
    return bool(text.str.contains(_LEADING_ZERO).fill_null(False).any())
