from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from ranvier.data.tabular.read import read_source, read_table
from ranvier.data.tabular.typed import typed

FRAME = pl.DataFrame({"size": [1, 2, 3], "weight": [0.5, None, 2.5], "name": ["a", "b", None]})


@pytest.mark.parametrize(
    ("ending", "writer"),
    [
        ("csv", "write_csv"),
        ("parquet", "write_parquet"),
        ("feather", "write_ipc"),
        ("arrow", "write_ipc_stream"),
        ("jsonl", "write_ndjson"),
    ],
)
def test_every_kind_of_file_brings_the_same_table(tmp_path: Path, ending: str, writer: str) -> None:
    path = tmp_path / f"table.{ending}"
    getattr(FRAME, writer)(path)
    assert read_table(path).equals(FRAME)
    assert read_table(str(path)).equals(FRAME)


def test_the_first_sheet_of_a_workbook_is_read(tmp_path: Path) -> None:
    FRAME.to_pandas().to_excel(tmp_path / "table.xlsx", index=False)
    assert read_table(tmp_path / "table.xlsx").equals(FRAME)


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "txt"])
def test_the_delimiter_is_found_whatever_the_file_is_called(
    tmp_path: Path, separator: str, ending: str
) -> None:
    path = tmp_path / f"table.{ending}"
    FRAME.write_csv(path, separator=separator)
    assert read_table(path).equals(FRAME)


def test_a_delimiter_that_the_ending_does_not_promise_is_said(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "table.csv", separator=";")
    assert read_source(tmp_path / "table.csv").notes == (
        "semicolons were found between the columns",
    )


def test_a_header_that_looks_like_data_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("5.1,3.5\n4.9,3.0\n")
    [note] = read_source(path).notes
    assert "taken for the header though it looks like data" in note


def test_quoted_delimiters_line_breaks_and_blank_lines_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"x, ""y""\nz"\n\n2,w\n')
    assert read_table(path).rows() == [(1, 'x, "y"\nz'), (2, "w")]


def test_codes_with_leading_zeros_stay_codes(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("postcode,b\n01234,1\n99999,2\n")
    table = typed(read_source(path))
    assert table.frame["postcode"].to_list() == ["01234", "99999"]


def test_a_type_that_shows_late_in_a_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "1,2\n" * 11_000 + "1.5,2\n")
    assert read_table(path)["a"][-1] == 1.5


def test_columns_without_a_name_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(",b\n7,2\n")
    assert read_table(path).columns == ["column 1", "b"]


PANDAS = pd.DataFrame(
    {
        "size": [1, 2, 3],
        "weight": [0.5, np.nan, 2.5],
        "name": pd.Categorical(["a", "b", None]),
    }
)


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.lazy(),
        nw.from_native(FRAME),
        PANDAS,
        FRAME.to_arrow(),
        FRAME.to_dict(as_series=False),
        FRAME.to_dicts(),
        (FRAME.select("size", "weight"), FRAME["name"]),
        (PANDAS[["size", "weight"]], PANDAS["name"]),
    ],
    ids=["polars", "lazy", "narwhals", "pandas", "arrow", "dict", "records", "pair", "pandas pair"],
)
def test_every_table_in_memory_is_the_same_table(source: Any) -> None:
    assert read_table(source).equals(FRAME)


def test_pandas_extension_types_keep_their_missing_values() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "when": pd.to_datetime(["2020-01-02", None]),
            "mixed": [1, "x"],
            "flag": pd.array([True, None], dtype="boolean"),
        }
    )
    table = read_table(frame)
    assert table["whole"].to_list() == [1, None]
    assert table["when"].null_count() == 1
    assert table["mixed"].to_list() == ["1", "x"]
    assert table["flag"].to_list() == [True, None]


def test_arrays_get_column_names_and_a_target() -> None:
    table = read_source((np.array([[1.0, 2.0], [3.0, 4.0]]), np.array(["a", "b"])))
    assert table.frame.columns == ["x0", "x1", "target"]
    assert not table.has_names


def test_rows_as_lists_keep_their_types() -> None:
    assert read_table([[1, "a"], [2, "b"]]).rows() == [(1, "a"), (2, "b")]


def test_a_known_name_is_a_table() -> None:
    assert read_table("iris").height == 150
