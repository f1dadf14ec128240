"""Tables that name pictures: where they are, what they show, and which part they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ranvier.core.errors import ConfigError, DataError
from ranvier.data.image import Listing, is_pictures, list_pictures
from ranvier.data.image.listing import TEST, TO_SPLIT, TRAIN
from ranvier.runs.settings import TrainSettings

Write = Callable[..., Path]

PATHS = ["1.png", "sub/2.png", "3.png"]
LABELLED = {"file": PATHS, "animal": ["cat", "dog", "cat"]}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A table of these columns in a folder with the pictures that `there` names."""

    def table(columns: Mapping[str, Any], *, name: str = "t.csv", there: Any = PATHS) -> Path:
        for path in there:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"x")
        frame, path = pl.DataFrame(columns), tmp_path / name
        {
            ".csv": frame.write_csv,
            ".parquet": frame.write_parquet,
            ".feather": frame.write_ipc,
            ".jsonl": frame.write_ndjson,
        }[path.suffix](path)
        return path

    return table


def listed(source: Any, *, for_prediction: bool = False, **settings: Any) -> Listing:
    return list_pictures(source, TrainSettings(**settings), for_prediction=for_prediction)


def told(listing: Listing) -> dict[str, str]:
    return {problem.kind: f"{problem.name}: {problem.detail}" for problem in listing.problems}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather", "t.jsonl"])
def test_the_last_other_column_is_what_pictures_show(write: Write, name: str) -> None:
    path = write(LABELLED, name=name)
    assert is_pictures(path, TrainSettings())
    listing = listed(path)
    assert listing.names == tuple(PATHS) and listing.labels == ("cat", "dog", "cat")
    assert listing.target == "animal" and listing.problems == ()
    assert listing.paths == tuple(path.parent / each for each in PATHS)


def test_whole_paths_and_paths_above_the_table_are_the_callers_own(
    write: Write, tmp_path: Path
) -> None:
    table = write({"file": [str(tmp_path / "1.png"), "../1.png"], "y": ["a", "b"]}, name="t.csv")
    inner = tmp_path / "inner"
    inner.mkdir()
    moved = table.rename(inner / "t.csv")
    assert len(listed(moved)) == 2


def test_pictures_in_one_folder_beside_the_table_are_found(write: Write, tmp_path: Path) -> None:
    table = write({"id": ["1.png", "2.png"], "y": ["a", "b"]}, there=["all/1.png", "all/2.png"])
    listing = listed(table)
    assert listing.paths == (tmp_path / "all/1.png", tmp_path / "all/2.png")


def test_a_table_beside_the_pictures_names_those_of_a_folder(write: Write) -> None:
    folder = write(LABELLED).parent
    listing = listed(folder)
    assert listing.labels == ("cat", "dog", "cat")
    assert listing.facts is not None and listing.facts["kind"] == "table in a folder"


def test_two_tables_that_name_pictures_are_one_too_many(write: Write) -> None:
    write(LABELLED, name="a.csv")
    folder = write(LABELLED, name="b.csv").parent
    with pytest.raises(
        DataError, match=r"2 tables name pictures \('a.csv', 'b.csv'\); expected one"
    ):
        listed(folder)


def test_missing_files_are_named_with_their_rows(write: Write) -> None:
    listing = listed(write(LABELLED, there=PATHS[:2]))
    assert listing.names == tuple(PATHS[:2])
    assert "3.png: row 3 names it, and it is not in" in told(listing)["missing file"]
    assert listing.labels == ("cat", "dog")


def test_no_file_at_all_is_refused_with_the_folder_looked_in(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        listed(write(LABELLED, there=[]))
    assert "none of 3 files is there, such as '1.png'; expected paths from the folder" in str(
        caught.value
    )


def test_a_column_of_parts_is_respected(write: Write) -> None:
    columns = {"file": PATHS, "split": ["train", "TEST", "spare"], "y": ["a", "b", "a"]}
    listing = listed(write(columns))
    assert listing.parts is not None and listing.parts.tolist() == [TRAIN, TEST, TO_SPLIT]
    assert "row 3 says 'spare'" in told(listing)["unclear part"]
    assert listing.target == "y"


def test_rows_without_a_label_are_left_out_of_training_alone(write: Write) -> None:
    table = write({"file": PATHS, "y": ["a", None, "b"]})
    listing = listed(table)
    assert listing.names == ("1.png", "3.png")
    assert "1 rows have none, the first is row 2" in told(listing)["no label"]
    assert len(listed(table, for_prediction=True)) == 3
    assert listed(table, for_prediction=True).labels is None


def test_a_table_of_paths_alone_is_enough_to_predict(write: Write) -> None:
    assert listed(write({"file": PATHS}), for_prediction=True).labels is None


def test_numbers_stay_numbers_and_codes_stay_codes(write: Write) -> None:
    ages = listed(write({"file": PATHS, "age": [3.5, 7.0, 60.25]}))
    assert ages.labels == (3.5, 7.0, 60.25)
    codes = listed(write({"file": PATHS, "code": ["01", "02", "10"]}))
    assert codes.labels == ("01", "02", "10")


@pytest.mark.parametrize(
    "cells",
    [["cat|dog", "dog", "cat"], ["cat;dog", "dog", "cat"], [["cat", "dog"], ["dog"], ["cat"]]],
)
def test_several_classes_in_a_cell_are_told_apart(write: Write, cells: list[Any]) -> None:
    listing = listed(write({"file": PATHS, "tags": cells}, name="t.jsonl"))
    assert listing.labels == (("cat", "dog"), ("dog",), ("cat",))


def test_a_mark_within_a_class_is_no_separator_unless_asked(write: Write) -> None:
    table = write({"file": PATHS, "y": ["black;white", "red", "red"]})
    assert listed(table).labels == ("black;white", "red", "red")
    assert listed(table, task="multilabel").labels == (("black", "white"), ("red",), ("red",))
    assert listed(table, task="classification").labels == ("black;white", "red", "red")


def test_several_columns_of_nought_and_one_are_the_classes(write: Write) -> None:
    table = write({"file": PATHS, "a": [1, 0, 1], "b": [True, False, False], "c": [0, 0, 1]})
    listing = listed(table, target="a, b,c")
    assert listing.labels == (("a", "b"), (), ("a", "c"))
    wrong = write({"file": PATHS, "a": [1, 2, 0], "b": ["x", "y", "z"]})
    with pytest.raises(DataError) as caught:
        listed(wrong, target="a,b")
    assert "column 'a': row 2 says 2 (1 such rows)" in str(caught.value)
    assert "column 'b': row 1 says 'x' (3 such rows)" in str(caught.value)


def test_unknown_columns_are_answered_with_the_nearest(write: Write) -> None:
    table = write(LABELLED)
    with pytest.raises(DataError, match=r"no column 'animel' \(target\)\. Did you mean 'animal'"):
        listed(table, target="animel")
    with pytest.raises(DataError, match=r"no column 'fil' \(group\)\. Did you mean 'file'"):
        listed(table, group="fil")
    with pytest.raises(ConfigError, match="--time animal: pictures are not split by time"):
        listed(table, time="animal")


def test_groups_and_weights_come_along(write: Write) -> None:
    columns = {"file": PATHS, "patient": ["x", "y", "x"], "w": [1, 2, 3], "y": ["a", "b", "a"]}
    listing = listed(write(columns, there=PATHS[1:]), group="patient", weight="w")
    assert listing.groups is not None and listing.weights is not None
    assert listing.groups[0] != listing.groups[1] and listing.weights.tolist() == [2.0, 3.0]


def test_a_file_of_two_rows_is_taken_once_or_not_at_all_where_they_disagree(write: Write) -> None:
    table = write({"file": ["1.png", "./1.png", "3.png", "3.png"], "y": ["a", "a", "a", "b"]})
    listing = listed(table)
    assert listing.names == ("1.png",)
    assert "rows 1, 2: taken once" in told(listing)["listed twice"]
    assert "rows 3, 4: none of them was taken" in told(listing)["listed with different labels"]


def test_a_table_in_memory_names_pictures_from_the_working_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(LABELLED).parent)
    assert is_pictures(LABELLED, TrainSettings())
    assert listed(pl.DataFrame(LABELLED)).labels == listed(LABELLED).labels == ("cat", "dog", "cat")
    assert is_pictures((PATHS, ["a", "b", "c"]), TrainSettings())
    assert listed((PATHS, ["a", "b", "c"])).labels == ("a", "b", "c")


def test_a_table_without_pictures_is_none(write: Write, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("a,b\n1,2\n")
    assert not is_pictures(tmp_path / "plain.csv", TrainSettings())
    assert not is_pictures({"a": [1], "note": ["see x.png for it, please"]}, TrainSettings())
    (tmp_path / "urls.csv").write_text("url,y\nhttp://x.org/1.png,2\nhttp://x.org/2.png,3\n")
    assert not is_pictures(tmp_path / "urls.csv", TrainSettings())
    with pytest.raises(DataError, match="no column of 'a', 'b' names pictures"):
        listed(tmp_path / "plain.csv")


def test_a_table_is_a_table_where_its_paths_are_ignored_or_predicted(write: Write) -> None:
    path = write(LABELLED)
    assert not is_pictures(path, TrainSettings(ignore=("file",)))
    assert not is_pictures(path, TrainSettings(target="file"))
