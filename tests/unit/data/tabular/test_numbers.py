from __future__ import annotations

import polars as pl
import pytest

from ranvier.data.tabular.numbers import decimal_mark, parse_numbers, trimmed


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0),
        ("-2.5", -2.5),
        ("+3", 3.0),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1,234,567.25", 1234567.25),
        ("$1,200", 1200.0),
        ("-€5", -5.0),
        ("12 %", 12.0),
        ("inf", float("inf")),
        ("1,5", None),
        ("12a", None),
        ("1 2", None),
        ("0x1", None),
        ("", None),
    ],
)
def test_a_cell_is_the_number_that_a_reader_sees(cell: str, number: float | None) -> None:
    assert parse_numbers(pl.Series([cell])).to_list() == [number]


@pytest.mark.parametrize(
    ("cells", "delimiter", "mark"),
    [
        (["1,5", "2,25"], None, ","),
        (["1.5", "2"], None, "."),
        (["1,234", "12,345"], ",", "."),
        (["1,234", "12,345"], ";", ","),
        (["1,234", "1,234,567"], ";", "."),
        (["1.234,5"], ";", ","),
    ],
)
def test_the_decimal_mark_of_a_column_is_told_from_the_thousands_mark(
    cells: list[str], delimiter: str | None, mark: str
) -> None:
    assert decimal_mark(pl.Series(cells), delimiter=delimiter) == mark


@pytest.mark.parametrize("cell", ["", "  ", "NA", "N/A", " n/a", "null", "NULL", "?", "#N/A"])
def test_spellings_of_missing_are_missing(cell: str) -> None:
    assert trimmed(pl.Series([cell, "x"])).to_list() == [None, "x"]


@pytest.mark.parametrize("cell", ["None", "-", "no", "Nan"])
def test_ordinary_words_are_not_missing(cell: str) -> None:
    assert trimmed(pl.Series([cell])).to_list() == [cell]
