from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from ranvier.core.errors import DataError
from ranvier.data.tabular import TableData, TableEncoder, prepare, read_table
from ranvier.runs.settings import TrainSettings

# Rows 0-99; with no part held out, all of them are training rows and can be reckoned by hand.
ALL_TRAIN = {"validation_fraction": 0.0, "test_fraction": 0.0}
X = [float(place) for place in range(100)]
X_MISSING: list[float | None] = [None if place % 10 == 0 else x for place, x in enumerate(X)]
CITY = [["Ulm", "Bonn", "Kiel", None][place % 4] for place in range(100)]
TABLE = {
    "x": [x + 0.25 for x in X],
    "gaps": X_MISSING,
    "city": CITY,
    "member": [place % 3 == 0 for place in range(100)],
    "day": [datetime.date(2024, 1 + place % 12, 1 + place % 28) for place in range(100)],
    "price": [10 + 2 * x for x in X],
}


@pytest.fixture
def codes() -> TableData:
    return prepare(TABLE, TrainSettings(**ALL_TRAIN), scaling="standard")


@pytest.fixture
def one_hot() -> TableData:
    return prepare(TABLE, TrainSettings(**ALL_TRAIN), form="one_hot", scaling="standard")


def column(data: TableData, name: str) -> np.ndarray:
    return data.train.inputs[:, data.encoder.feature_names.index(name)]


def test_a_part_that_nobody_asked_for_is_none(codes: TableData) -> None:
    assert codes.validation is None
    assert codes.test is None
    assert len(codes.train) == 100


def test_numbers_come_first_then_indicators_then_codes(codes: TableData) -> None:
    names = codes.encoder.feature_names
    assert names[:2] == ("x", "gaps")
    assert names[-3:] == ("gaps is missing", "city", "member")
    assert codes.encoder.layout.numeric == len(names) - 2
    assert codes.encoder.layout.cardinalities == (4, 3)


def test_numbers_are_scaled(codes: TableData) -> None:
    x = np.array(TABLE["x"])
    np.testing.assert_allclose(column(codes, "x"), (x - x.mean()) / x.std(), rtol=1e-6)


def test_a_missing_number_is_the_middle_and_marked(codes: TableData) -> None:
    missing = np.array([x is None for x in X_MISSING])
    assert (column(codes, "gaps")[missing] == 0).all()
    np.testing.assert_array_equal(column(codes, "gaps is missing"), missing)


def test_labels_are_codes_from_1_on_in_order_and_0_is_missing(codes: TableData) -> None:
    expected = [{None: 0, "Bonn": 1, "Kiel": 2, "Ulm": 3}[city] for city in CITY]
    np.testing.assert_array_equal(column(codes, "city"), expected)


def test_an_unseen_label_is_coded_as_missing(codes: TableData) -> None:
    row = {name: cells[:1] for name, cells in TABLE.items()} | {"city": ["Rome"]}
    assert codes.encoder.encode(read_table(row))[0, -2] == 0


def test_one_hot_has_an_indicator_per_label_and_none_for_missing(one_hot: TableData) -> None:
    for city in ("Bonn", "Kiel", "Ulm"):
        np.testing.assert_array_equal(
            column(one_hot, f"city={city}"), [cell == city for cell in CITY]
        )
    np.testing.assert_array_equal(column(one_hot, "member=true"), TABLE["member"])
    assert one_hot.encoder.layout.cardinalities == ()
    assert one_hot.encoder.layout.numeric == one_hot.train.inputs.shape[1]


def test_parts_of_a_date_that_never_vary_are_left_out(codes: TableData) -> None:
    parts = {name for name in codes.encoder.feature_names if name.startswith("day:")}
    assert "day:elapsed" in parts
    assert "day:month_sin" in parts
    assert not {"day:year", "day:hour_sin"} & parts


def test_a_regression_target_is_standardised_and_comes_back(codes: TableData) -> None:
    price = np.array(TABLE["price"])
    np.testing.assert_array_equal(codes.train.truth, price)
    standardised = (price - price.mean()) / price.std()
    np.testing.assert_allclose(codes.train.targets, standardised, rtol=1e-6)
    np.testing.assert_allclose(codes.encoder.to_values(codes.train.targets), price, rtol=1e-6)


def test_text_and_values_of_one_table_are_encoded_alike(codes: TableData) -> None:
    spelled = pl.DataFrame(TABLE).with_columns(pl.all().cast(pl.String))
    np.testing.assert_array_equal(codes.encoder.encode(spelled), codes.train.inputs)


def test_whole_numbers_that_became_floats_keep_their_categories() -> None:
    grade = [1, 2, 3, 4] * 50
    table = {"grade": grade, "y": ["a", "b", "b", "a"] * 50}
    encoder = prepare(table, TrainSettings(categories=("grade",))).encoder
    whole = encoder.encode(pl.DataFrame({"grade": [1, 2, 3, 4]}))
    gaps = encoder.encode(pl.DataFrame({"grade": [1.0, 2.0, 3.0, 4.0, None]}))
    words = encoder.encode(pl.DataFrame({"grade": ["1", "2", "3", "4"]}))
    np.testing.assert_array_equal(whole[:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(gaps[:, 0], [1, 2, 3, 4, 0])
    np.testing.assert_array_equal(words, whole)


def test_rare_labels_of_a_column_of_many_share_a_code_with_unseen_ones() -> None:
    common = [f"word {place % 60}" for place in range(600)]
    table = {"word": [*common, "once", "twice", "twice"], "y": ["a", "b", "c"] * 201}
    encoder = prepare(table, TrainSettings(**ALL_TRAIN)).encoder
    assert encoder.layout.cardinalities == (62,)
    codes = encoder.encode(pl.DataFrame({"word": ["once", "twice", "never", None, "word 0"]}))
    assert codes[:, 0].tolist() == [61, 61, 61, 0, 1]


def test_decimal_commas_are_read_as_in_training() -> None:
    size = [f"{place},{place % 10}" for place in range(100)]
    encoder = prepare({"size": size, "y": ["a", "b"] * 50}, TrainSettings(**ALL_TRAIN)).encoder
    as_text = encoder.encode(pl.DataFrame({"size": ["1,234"]}))
    as_number = encoder.encode(pl.DataFrame({"size": [1.234]}))
    np.testing.assert_array_equal(as_text, as_number)


def test_blocks_of_rows_leave_no_trace(monkeypatch: pytest.MonkeyPatch, codes: TableData) -> None:
    whole = codes.encoder.encode(pl.DataFrame(TABLE))
    monkeypatch.setattr("ranvier.data.tabular.encode.BLOCK", 7)
    np.testing.assert_array_equal(codes.encoder.encode(pl.DataFrame(TABLE)), whole)
    rows = np.array([5, 99, 0, 42, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(codes.encoder.encode(pl.DataFrame(TABLE), rows=rows), whole[rows])


def test_a_bad_row_in_a_late_block_is_named_by_its_own_number(
    monkeypatch: pytest.MonkeyPatch, codes: TableData
) -> None:
    monkeypatch.setattr("ranvier.data.tabular.encode.BLOCK", 7)
    table = pl.DataFrame(TABLE).with_columns(pl.col("x").cast(pl.String))
    table[59, "x"] = "far"
    with pytest.raises(DataError, match="column 'x': row 60 says 'far'"):
        codes.encoder.encode(table)


def test_labels_are_recognised_however_a_file_types_them() -> None:
    table = {"x": X, "y": [place % 3 for place in range(100)]}
    encoder = prepare(table, TrainSettings()).encoder
    for labels in ([0, 2], [0.0, 2.0], ["0", "2"]):
        targets, truth = encoder.targets(pl.DataFrame({"y": labels}))
        np.testing.assert_array_equal(targets, [0, 2])
        assert truth.dtype == np.int64


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("task"),
        lambda document: document.update(form="sideways"),
        lambda document: document["numbers"][0].update(column=3),
        lambda document: document.update(categories="none"),
    ],
)
def test_a_document_that_is_no_encoder_is_refused(
    codes: TableData, damage: Callable[[dict[str, Any]], Any]
) -> None:
    document = json.loads(json.dumps(codes.encoder.to_json()))
    damage(document)
    with pytest.raises(DataError, match="describes no table encoder"):
        TableEncoder.from_json(document)
