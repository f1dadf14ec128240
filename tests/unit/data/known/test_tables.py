"""What the known tables hold, against scikit-learn's own loaders and published counts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from ranvier.core.errors import MissingExtraError, SourceError
from ranvier.data.known import DataSet, catalogue, data_set, get, get_parts, tables

INSTALLED = [known for known in catalogue() if known.registry == "installed"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))


@pytest.mark.parametrize("known", INSTALLED, ids=lambda known: known.name)
def test_an_installed_table_has_the_rows_columns_and_target_it_is_entered_with(
    known: DataSet,
) -> None:
    table = pl.read_parquet(get(known.name))
    assert table.shape == (known.rows, known.columns)
    assert table.null_count().sum_horizontal().item() == 0
    classes = table[known.target].n_unique()
    assert (classes <= 10) is (known.task == "classification")


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("iris", datasets.load_iris),
        ("wine", datasets.load_wine),
        ("breast-cancer", datasets.load_breast_cancer),
        ("digits", datasets.load_digits),
    ],
)
def test_a_classification_table_holds_each_row_under_its_label(name: str, load) -> None:
    bunch = load()
    table = pl.read_parquet(get(name))
    target = data_set(name).target
    np.testing.assert_array_equal(table.drop(target).to_numpy(), bunch.data)
    labels = [bunch.target_names[code] for code in bunch.target]
    assert table[target].to_list() == labels


def test_diabetes_keeps_its_features_in_their_own_units() -> None:
    table = pl.read_parquet(get("diabetes"))
    bunch = datasets.load_diabetes(scaled=False)
    np.testing.assert_array_equal(table["progression"].to_numpy(), bunch.target)
    assert table["age"].min() == 19 and table["age"].max() == 79


def test_without_rdata_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rdata", None)
    with pytest.raises(MissingExtraError) as caught:
        tables.letter(lambda member: b"")
    assert str(caught.value) == (
        "letter: reading R's data files needs the package rdata, which is not installed. "
        "Run: pip install 'ranvier[data]'"
    )


def test_no_converter_stands_without_a_test_here() -> None:
    checked = {known.name for known in INSTALLED} | {"employment", "letter", "diamonds"}
    assert {known.name for known in catalogue() if not known.is_pictures} == checked


def fetched(name: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(get(name))
    except (SourceError, MissingExtraError) as error:
        pytest.skip(f"the package cannot be had: {error}")


@pytest.mark.slow
def test_employment_is_2015_to_train_and_three_later_years_to_test() -> None:
    table = fetched("employment")
    parts = get_parts("employment")
    assert parts is not None
    rows = {part: pl.read_parquet(path) for part, path in parts.items()}
    assert (rows["train"].height, rows["test"].height) == (68_785, 208_892)
    assert table.width == 17 and "prediction" not in table.columns and "year" not in table.columns
    assert table["employed"].null_count() == 0 and set(table["employed"]) == {0, 1}
    # People are employed from 16 years up, or the answers stand beside the wrong rows.
    for part in rows.values():
        assert part.filter(pl.col("AGEP") < 16)["employed"].sum() == 0
        assert part.filter(pl.col("AGEP").is_between(30, 50))["employed"].mean() > 0.75


@pytest.mark.slow
def test_letter_has_the_published_counts_and_order() -> None:
    table = fetched("letter")
    counts = dict(table.group_by("lettr").len().iter_rows())
    assert len(counts) == 26 and counts["A"] == 789 and counts["Z"] == 734
    assert table["lettr"][:4].to_list() == ["T", "I", "D", "N"]
    assert table.drop("lettr").to_numpy().max() == 15


@pytest.mark.slow
def test_letter_reaches_the_published_accuracy_of_the_nearest_neighbour() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    table = fetched("letter")
    features, labels = table.drop("lettr").to_numpy(), table["lettr"].to_numpy()
    model = KNeighborsClassifier(1).fit(features[:16_000], labels[:16_000])
    assert model.score(features[16_000:], labels[16_000:]) == pytest.approx(0.9565, abs=0.001)


@pytest.mark.slow
def test_diamonds_give_the_logarithm_of_the_price_and_not_the_price() -> None:
    table = fetched("diamonds")
    assert "price" not in table.columns
    assert table["log_price"][0] == pytest.approx(math.log(326))
    assert math.exp(table["log_price"].max()) == pytest.approx(18_823)
    assert table["cut"].n_unique() == 5 and table["clarity"].n_unique() == 8
