from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from ranvier.data.tabular import prepare, read_table
from ranvier.data.tabular.infer import infer_column, infer_schema
from ranvier.data.tabular.read import Table
from ranvier.data.tabular.schema import Column
from ranvier.data.tabular.typed import typed
from ranvier.runs.settings import TrainSettings

RANDOM = np.random.default_rng(0)


def kind_of(values: Any, *, name: str = "c", has_names: bool = True) -> Column:
    [column] = typed(Table(read_table({name: values}), "here")).frame
    return infer_column(column, as_category=False, has_names=has_names)


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (RANDOM.normal(size=50), "numeric", "50 different numbers"),
        (["1.5", " 2", "?", "7e3"] * 9, "numeric", "3 different numbers"),
        (["1,5", "2,5", "7"] * 9, "numeric", "3 different numbers"),
        (list(range(40)) * 5, "numeric", "40 different whole numbers"),
        ([0, 1] * 20, "boolean", "whole numbers, only 0 and 1"),
        ([True, False, None], "boolean", "true or false"),
        (["TRUE", "false", ""] * 5, "boolean", "true or false"),
        (["Yes", "No"] * 5, "boolean", "yes or no"),
        (["red", "blue", "green"] * 9, "category", "3 different words"),
        (["1", "2", "3", "N"] * 50, "category", "4 different words"),
        (["007", "042"] * 9, "category", "2 different words"),
        ([f"{place}x" for place in range(300)], "identifier", "300 different words in 300 rows"),
        (list(range(100, 200)), "identifier", "whole numbers, another one in every row"),
        ([f"one two three four {n}" for n in range(60)], "text", "5 words a cell"),
        ([7] * 10, "constant", "every training row says 7"),
        ([None, None], "empty", "no value in any training row"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)], "date", "from 2024-01-01 to"),
        (["2024-01-01", "2024-02-01", "NA"] * 9, "date", "from 2024-01-01 to 2024-02-01"),
    ],
)
def test_a_column_is_taken_for_what_it_is(values: Any, kind: str, why: str) -> None:
    column = kind_of(values)
    assert (column.kind, column.why[: len(why)]) == (kind, why)


def test_an_identifier_is_known_by_its_name_too() -> None:
    scattered = RANDOM.choice(10**9, 50, replace=False)
    assert kind_of(scattered, name="value").kind == "numeric"
    for name in ("id", "customer_id", "PassengerId", "row number".replace(" ", "_")):
        assert kind_of(scattered, name=name).kind == "identifier"
    assert kind_of(scattered, name="paid").kind == "numeric"


def test_years_that_count_up_are_numbers() -> None:
    assert kind_of(list(range(1950, 2020)), name="year").kind == "numeric"


def test_an_array_has_no_names_and_so_no_identifiers() -> None:
    assert kind_of(list(range(100)), has_names=False).kind == "numeric"


def test_an_identifier_stays_where_nothing_else_is_left() -> None:
    schema = infer_schema([pl.Series("x", range(100))], roles={})
    assert schema["x"].kind == "numeric"
    assert "there is no other feature" in schema["x"].why


def test_the_schema_prints_as_a_table() -> None:
    data = prepare(
        {"size": RANDOM.normal(size=60), "sort": ["a", "b"] * 30}, TrainSettings(target="sort")
    )
    header, size, sort = str(data.schema).splitlines()
    assert header.split() == ["column", "|", "kind", "|", "why"]
    assert size == "size   | numeric | 42 different numbers"
    assert sort == "sort   | target  | classification: 2 different words"


def test_columns_left_out_are_said_with_the_number_of_the_symptom() -> None:
    table = {
        "id": range(100),
        "same": [1] * 100,
        "none": [None] * 100,
        "note": [f"words that say nothing {place}" for place in range(100)],
        "x": RANDOM.normal(size=100),
        "y": ["a", "b"] * 50,
    }
    findings = {f.where: f for f in prepare(table, TrainSettings()).findings}
    assert findings["column 'same'"].number == 26
    assert findings["column 'none'"].number == 26
    assert "only names the rows" in findings["column 'id'"].symptom
    assert "free text" in findings["column 'note'"].symptom
    assert {f.severity for f in findings.values()} == {"warning"}


def test_infinite_features_are_said() -> None:
    x = RANDOM.normal(size=100)
    x[:3] = np.inf
    data = prepare({"x": x, "y": ["a", "b"] * 50}, TrainSettings())
    [finding] = [f for f in data.findings if f.where == "column 'x'"]
    assert finding.symptom == "3 values are infinite"


def test_ambiguous_dates_are_said() -> None:
    days = [f"0{1 + place % 9}/0{1 + place % 7}/2024" for place in range(100)]
    data = prepare({"day": days, "y": ["a", "b"] * 50}, TrainSettings())
    [finding] = [f for f in data.findings if f.where == "column 'day'"]
    assert "read with the month before day" in finding.symptom
