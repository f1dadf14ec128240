"""Every way in which a table can be bad, and what Ranvier says about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ranvier.core.errors import ConfigError, DataError, MissingExtraError, SourceError
from ranvier.data.tabular import TableData, labelled_rows, prepare, read_table
from ranvier.runs.settings import TrainSettings

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_bytes(content: bytes | str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_bytes


def people(num_rows: int = 200, **columns: Any) -> dict[str, Any]:
    """A healthy table, with some columns replaced."""
    random = np.random.default_rng(0)
    healthy = {
        "age": random.integers(18, 90, num_rows).tolist(),
        "income": random.lognormal(10, 1, num_rows).round(2).tolist(),
        "city": random.choice(["Ulm", "Bonn", "Kiel"], num_rows).tolist(),
        "bought": random.choice(["yes", "no"], num_rows).tolist(),
    }
    return {**healthy, **columns}


def prepared(source: Any, **settings: Any) -> TableData:
    return prepare(source, TrainSettings(**{"target": "bought", **settings}))


def refusal(source: Any, error: type[Exception] = DataError, **settings: Any) -> str:
    with pytest.raises(error) as caught:
        prepared(source, **settings)
    return str(caught.value)


class TestFiles:
    def test_a_file_that_is_not_there_is_answered_with_the_nearest_beside_it(
        self, write: Write
    ) -> None:
        path = write("a,b\n1,2\n")
        message = refusal(str(path.with_name("poeple.csv")), SourceError)
        assert "no such file" in message
        assert f"Did you mean {str(path)!r}?" in message

    def test_a_name_nearly_known_is_answered_with_the_known_data_set(self) -> None:
        assert "A known data set is called 'iris'." in refusal("irsi", SourceError)

    def test_a_folder_is_no_table(self, tmp_path: Path) -> None:
        assert "a folder; expected a file" in refusal(tmp_path, SourceError)

    @pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.feather"])
    def test_an_empty_file_is_called_empty(self, write: Write, name: str) -> None:
        assert "the file is empty" in refusal(write("", name), SourceError)

    def test_a_header_without_rows_is_called_that(self, write: Write) -> None:
        assert "a header and no rows; expected at least one row" in refusal(write("a,bought\n"))

    def test_a_parquet_file_without_rows_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "none.parquet"
        pl.DataFrame({"a": [], "bought": []}).write_parquet(path)
        assert "no rows" in refusal(path)

    def test_a_ragged_line_is_named(self, write: Write) -> None:
        message = refusal(write("a,b,bought\n1,2,yes\n1,2\n"))
        assert "people.csv, line 3: 2 fields where the header has 3" in message
        assert "put a field that holds ',' in double quotes" in message

    def test_a_line_too_long_is_named_behind_quoted_line_breaks(self, write: Write) -> None:
        message = refusal(write('a,bought\n"x\ny",yes\n1,2,3\n'))
        assert "line 4: 3 fields where the header has 2" in message

    def test_a_short_last_line_without_a_line_break_is_named(self, write: Write) -> None:
        assert "line 3: 1 field where the header has 2" in refusal(write("a,bought\n1,yes\n2"))

    def test_a_quote_that_is_never_closed_is_named(self, write: Write) -> None:
        message = refusal(write('a,bought\n1,yes\n2,"no\n3,yes\n'))
        assert "line 3: a double quote is opened and never closed" in message

    def test_latin_1_is_named_with_its_place_and_the_way_out(self, write: Write) -> None:
        message = refusal(write(b"name,bought\nJos\xe9,yes\n"), SourceError)
        assert "byte 0xe9 at offset 15 (line 2) is not UTF-8" in message
        assert "iconv -f ISO-8859-1 -t UTF-8 people.csv" in message

    def test_windows_quotes_are_told_from_latin_1(self, write: Write) -> None:
        message = refusal(write(b"name,bought\n\x93Jo\x94,yes\n"), SourceError)
        assert "looks like WINDOWS-1252" in message

    def test_utf_16_is_recognised(self, write: Write) -> None:
        message = refusal(write("a,bought\n1,yes\n".encode("utf-16")), SourceError)
        assert "starts with the mark of UTF-16" in message

    def test_a_byte_order_mark_is_no_fault(self, write: Write) -> None:
        assert read_table(write(b"\xef\xbb\xbfa,b\n1,2\n")).columns == ["a", "b"]

    def test_an_unknown_delimiter_is_named(self, write: Write) -> None:
        message = refusal(write("a^bought\n1^yes\n2^no\n"))
        assert "everything landed in one column, 'a^bought'" in message
        assert "'^' stands between columns" in message

    def test_one_column_is_too_few_to_learn_from(self, write: Write) -> None:
        message = refusal(write("bought\nyes\nno\n"))
        assert "expected a target and at least one column to predict it from" in message

    def test_duplicate_column_names_are_refused(self, write: Write) -> None:
        message = refusal(write("a,b,a,bought\n1,2,3,yes\n"))
        assert "line 1: more than one column is called 'a'" in message

    def test_a_frame_with_duplicate_column_names_is_refused(self) -> None:
        frame = pd.DataFrame([[1, 2, "yes"]], columns=["a", "a", "bought"])
        assert "more than one column is called 'a'" in refusal(frame)

    def test_a_truncated_parquet_file_is_called_damaged(self, tmp_path: Path) -> None:
        path = tmp_path / "cut.parquet"
        pl.DataFrame(people()).write_parquet(path)
        path.write_bytes(path.read_bytes()[:-40])
        assert "this Parquet file is damaged or cut off" in refusal(path, SourceError)

    def test_text_called_parquet_is_no_parquet(self, write: Write) -> None:
        message = refusal(write("a,bought\n1,yes\n", "people.parquet"), SourceError)
        assert "not a Parquet file: it starts with b'a,bought'" in message

    def test_a_json_line_that_is_cut_is_named(self, write: Write) -> None:
        message = refusal(write('{"a": 1, "bought": "yes"}\n{"a": 2,\n', "people.jsonl"))
        assert "people.jsonl, line 2: not JSON" in message

    def test_a_json_line_that_is_no_object_is_named(self, write: Write) -> None:
        message = refusal(write('{"a": 1, "bought": "yes"}\n[1, 2]\n', "people.jsonl"))
        assert "line 2: a JSON list; expected one object a line" in message

    def test_excel_without_its_reader_says_what_to_install(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "fastexcel", None)
        message = refusal(write("x", "people.xlsx"), MissingExtraError)
        assert "pip install 'ranvier[excel]'" in message

    def test_a_broken_workbook_is_said(self, write: Write) -> None:
        message = refusal(write("x", "people.xlsx"), SourceError)
        assert "this Excel workbook cannot be read" in message

    def test_an_ending_that_no_reader_knows_lists_those_known(self, write: Write) -> None:
        assert "Known endings: .arrow, .csv" in refusal(write("x", "people.docx"), SourceError)


class TestColumns:
    def test_an_unknown_target_is_answered_with_the_nearest(self) -> None:
        message = refusal(people(), target="bougth")
        assert "no column 'bougth' (target). Did you mean 'bought'?" in message

    def test_all_unknown_columns_are_named_at_once(self) -> None:
        message = refusal(people(), weight="wieght", ignore=("agee",))
        assert "no column 'wieght' (weight)" in message
        assert "no column 'agee' (ignore). Did you mean 'age'?" in message

    def test_one_column_cannot_be_two_things(self) -> None:
        message = refusal(people(), ConfigError, weight="bought")
        assert "column 'bought' is asked for as target and weight" in message

    def test_words_among_numbers_are_named_with_row_and_way_out(self) -> None:
        age = [str(18 + place % 60) for place in range(10_000)]
        for row in (7, 5_000, 7_000, 9_999):
            age[row - 1] = "unknown"
        message = refusal(people(10_000, age=age))
        assert "column 'age': 4 of 10,000 cells are no number: row 7 says 'unknown'" in message
        assert "row 5000 says 'unknown', row 7000 says 'unknown' and 1 more" in message
        assert "--set categories=age" in message

    def test_the_way_out_works(self) -> None:
        age = [*map(str, range(100)), *(["unknown"] * 4), *map(str, range(96))]
        data = prepared(people(age=age), categories=("age",))
        assert data.schema["age"].kind == "category"

    def test_words_late_in_a_long_file_are_found(self, write: Write) -> None:
        lines = [f"{row % 70},yes" if row % 2 else f"{row % 70},no" for row in range(12_000)]
        lines[11_500] = "many,yes"
        message = refusal(write("age,bought\n" + "\n".join(lines) + "\n"))
        assert "column 'age': 1 of 12,000 cells are no number: row 11501 says 'many'" in message

    def test_a_date_that_does_not_parse_is_named(self) -> None:
        joined = [f"2024-{1 + place % 12:02}-{1 + place % 28:02}" for place in range(200)]
        joined[41] = "2024-13-05"
        message = refusal(people(joined=joined))
        assert "column 'joined': 1 of 200 dates do not parse: row 42 says '2024-13-05'" in message
        assert "expected dates written as %Y-%m-%d, as in '2024-01-01'" in message

    def test_faults_of_several_columns_come_in_one_message(self) -> None:
        age = [*map(str, range(199)), "old"]
        joined = ["2024-01-05"] * 199 + ["tomorrow"]
        message = refusal(people(age=age, joined=joined))
        assert "column 'age'" in message
        assert "column 'joined'" in message

    def test_nested_values_are_refused(self) -> None:
        frame = pl.DataFrame({"tags": [[1, 2], [3]], "bought": ["yes", "no"]})
        assert "column 'tags': cells of type List(Int64)" in refusal(frame)

    def test_no_feature_that_varies_is_refused_with_each_reason(self) -> None:
        message = refusal({"a": [1] * 40, "b": [None] * 40, "bought": ["yes", "no"] * 20})
        assert "no column is left to learn from" in message
        assert "'a' is constant (every training row says 1)" in message
        assert "'b' is empty" in message

    def test_ten_thousand_categories_are_folded_and_said(self) -> None:
        shop = [f"shop {place % 10_000}" for place in range(30_000)]
        shop[:15_000] = ["shop 1", "shop 2", "shop 3"] * 5_000
        data = prepared(people(30_000, shop=shop))
        assert data.schema["shop"].kind == "category"
        assert "these become 'other'" in data.schema["shop"].why
        assert data.encoder.layout.cardinalities[-1] <= 4_098
        assert len(data.train.inputs) == 21_000

    def test_ten_thousand_categories_of_which_none_repeats_are_left_out_and_said(self) -> None:
        data = prepared(people(10_000, shop=[f"shop-{place}" for place in range(10_000)]))
        assert data.schema["shop"].kind == "identifier"
        assert any(f.where == "column 'shop'" and f.severity == "warning" for f in data.findings)

    def test_ragged_columns_of_a_mapping_are_refused(self) -> None:
        message = refusal({"a": [1, 2], "bought": ["yes"]})
        assert "columns of different lengths: 'a' has 2, 'bought' has 1" in message


class TestTargets:
    def test_all_missing(self) -> None:
        assert "all 200 values are missing" in refusal(people(bought=[None] * 200))

    @pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (np.inf, "Inf")])
    def test_a_target_that_is_not_finite_names_the_row(self, value: float, said: str) -> None:
        target = np.arange(200) / 7
        target[16] = value
        message = refusal(people(price=target), target="price")
        assert f"target 'price': row 17 is {said}; expected finite numbers" in message

    @pytest.mark.parametrize(("word", "said"), [("NaN", "NaN"), ("nan", "NaN"), ("-inf", "-Inf")])
    def test_nan_spelled_in_a_file_is_no_missing_value(
        self, write: Write, word: str, said: str
    ) -> None:
        lines = [f"{row},{row * 0.3}" for row in range(50)]
        lines[16] = f"16,{word}"
        message = refusal(write("a,price\n" + "\n".join(lines)), target="price")
        assert f"row 17 is {said}" in message

    def test_one_class(self) -> None:
        message = refusal(people(bought=["yes"] * 200))
        assert "every row is of one class, 'yes'; expected at least 2 classes" in message

    def test_a_constant_number(self) -> None:
        message = refusal(people(price=[2.5] * 200), target="price", task="regression")
        assert "every row has the same value, 2.5" in message

    def test_words_where_a_regression_was_asked_for(self) -> None:
        message = refusal(people(), task="regression")
        assert "a word; expected numbers for a regression" in message

    def test_numbers_too_many_for_classes(self) -> None:
        message = refusal(people(), target="income", task="classification")
        assert "are too many for classes. Train a regression" in message

    def test_one_row(self) -> None:
        assert "1 row with a target; expected at least 2" in refusal(people(1))

    def test_too_few_rows_to_split(self) -> None:
        message = refusal(people(3, bought=["yes", "no", "yes"]))
        assert "3 rows with a target are too few to split" in message

    def test_rows_without_a_target_are_left_out_and_said(self) -> None:
        bought: list[str | None] = ["yes", "no"] * 100
        bought[3] = None
        data = prepared(people(bought=bought))
        [finding] = [f for f in data.findings if f.category == "labels"]
        assert finding.symptom == "1 of 200 rows has no target"
        assert finding.evidence["first_row"] == 4
        parts = [data.train, data.validation, data.test]
        assert 4 not in np.concatenate([p.row_numbers for p in parts if p is not None])

    def test_a_negative_weight_names_the_row(self) -> None:
        weight = [1.0] * 200
        weight[8] = -0.5
        message = refusal(people(weight=weight), weight="weight")
        assert "weight 'weight': row 9 says -0.5" in message
        assert "expected a number that is not negative" in message

    def test_fewer_groups_than_parts(self) -> None:
        message = refusal(people(shop=["a", "b"] * 100), group="shop")
        assert "column 'shop' (group): 2 different values; expected at least 3" in message

    def test_a_row_without_a_time(self) -> None:
        when: list[float | None] = list(map(float, range(200)))
        when[5] = None
        message = refusal(people(when=when), time="when")
        assert "column 'when' (time): row 6 has none" in message


class TestNewRows:
    @pytest.fixture
    def data(self) -> TableData:
        joined = [f"2024-{1 + place % 12:02}-{1 + place % 28:02}" for place in range(200)]
        return prepared(people(joined=joined))

    def test_all_missing_columns_are_named_with_the_nearest(self, data: TableData) -> None:
        new = pl.DataFrame({"Age": [1], "income": [1.0], "joined": ["2024-01-01"]})
        with pytest.raises(DataError) as caught:
            data.encoder.encode(new)
        assert "column 'age' is missing; 'Age' is there: rename it" in str(caught.value)
        assert "column 'city' is missing" in str(caught.value)

    def test_all_retyped_columns_are_named_with_row_and_value(self, data: TableData) -> None:
        new = pl.DataFrame(
            {
                "age": ["31", "old"],
                "income": ["1.5", "much"],
                "city": ["Ulm", "Ulm"],
                "joined": ["2024-01-01", "soon"],
            }
        )
        with pytest.raises(DataError) as caught:
            data.encoder.encode(new)
        message = str(caught.value)
        assert "column 'age': row 2 says 'old'; expected a number, as in training" in message
        assert "column 'income': row 2 says 'much'" in message
        assert "column 'joined': row 2 says 'soon'; expected a date written as" in message

    def test_extra_columns_change_nothing(self, data: TableData) -> None:
        row = {"age": [31], "income": [1.0], "city": ["Ulm"], "joined": ["2024-01-01"]}
        plain = data.encoder.encode(read_table(row))
        extra = data.encoder.encode(read_table({"colour": ["red"], **row}))
        np.testing.assert_array_equal(plain, extra)

    def test_unseen_and_missing_values_are_encoded(self, data: TableData) -> None:
        row = {"age": [None], "income": [np.inf], "city": ["Rome"], "joined": [None]}
        assert np.isfinite(data.encoder.encode(read_table(row))).all()

    def test_a_class_that_training_did_not_see_is_named(self, data: TableData) -> None:
        source = people(5, joined=["2024-01-01"] * 5, bought=["yes", "no", "perhaps", "no", "no"])
        with pytest.raises(DataError) as caught:
            labelled_rows(data.encoder, source, where="new.csv")
        assert "new.csv: target 'bought': row 3 says 'perhaps', a class that training did not" in (
            str(caught.value)
        )

    def test_a_missing_target_column_is_named(self, data: TableData) -> None:
        source = {"age": [1], "income": [1.0], "city": ["Ulm"], "joined": [None], "bougt": ["no"]}
        with pytest.raises(DataError, match="no target column 'bought'. Did you mean 'bougt'"):
            labelled_rows(data.encoder, source)


def test_random_damage_to_a_file_never_gets_past_our_own_errors(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [f"{n},{n * 1.5},{'xyz'[n % 3]},2024-0{1 + n % 9}-11" for n in range(30)]
    healthy = ("a,b,bought,d\n" + "\n".join(rows)).encode()
    path = tmp_path / "damaged.csv"
    refused = 0
    for _ in range(150):
        damaged = bytearray(healthy)
        for place in random.integers(0, len(damaged), random.integers(1, 12)):
            damaged[place] = random.choice(list(b'0;\t",\n\r\0-. NaIf\xe9'))
        path.write_bytes(bytes(damaged[: random.integers(0, len(damaged) + 1)]))
        try:
            prepared(path)
        except DataError:
            refused += 1
    assert refused > 50
