from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from ranvier.core.errors import ConfigError, DataError
from ranvier.data.class_weights import class_balanced
from ranvier.data.tabular import fingerprint, labelled_rows, prepare
from ranvier.data.tabular.profile import association
from ranvier.runs.settings import TrainSettings

RANDOM = np.random.default_rng(0)
NUM_ROWS = 400
HOURS = [
    datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=7 * place) for place in range(NUM_ROWS)
]
MESSY: dict[str, list[Any]] = {
    "id": list(range(1, NUM_ROWS + 1)),
    "amount": [f"{place},{place % 10}" if place % 17 else " ? " for place in range(NUM_ROWS)],
    "when": [hour.strftime("%d.%m.%Y %H:%M") for hour in HOURS],
    "grade": [["1", "2", "3", "N"][place % 4] for place in range(NUM_ROWS)],
    "postcode": [f"0{place % 30:04}" for place in range(NUM_ROWS)],
    "comment": [f"this is what was said, {place}" for place in range(NUM_ROWS)],
    "weight": RANDOM.uniform(0.5, 2, NUM_ROWS).tolist(),
    "shop": [f"shop {place % 20}" for place in range(NUM_ROWS)],
    "outcome": [["Good", "bad"][place % 5 == 0] for place in range(NUM_ROWS)],
}


def test_a_messy_table_is_taken_apart_as_a_person_would() -> None:
    settings = TrainSettings(weight="weight", group="shop", ignore=("comment",))
    data = prepare(MESSY, settings)
    kinds = {column.name: column.kind for column in data.schema}
    assert kinds == {
        "id": "identifier",
        "amount": "numeric",
        "when": "date",
        "grade": "category",
        "postcode": "category",
        "comment": "ignored",
        "weight": "weight",
        "shop": "group",
        "outcome": "target",
    }
    assert data.task.classes == ("Good", "bad")
    assert data.train.weights is not None
    np.testing.assert_allclose(
        data.train.weights, np.array(MESSY["weight"])[data.train.row_numbers - 1], rtol=1e-6
    )
    shops = {
        part: {part.values(i)["shop"] for i in range(len(part))}
        for part in (data.train, data.validation, data.test)
        if part is not None
    }
    assert sum(map(len, shops.values())) == 20


@pytest.mark.parametrize(
    ("load", "kind"),
    [
        (load_iris, "classification"),
        (load_wine, "classification"),
        (load_breast_cancer, "classification"),
        (load_diabetes, "regression"),
    ],
)
def test_bundled_tables_need_no_word_of_help(load: Any, kind: str) -> None:
    bunch = load(as_frame=True)
    data = prepare(bunch.frame, TrainSettings())
    assert data.task.kind == kind
    assert data.task.target == "target"
    assert [column.name for column in data.schema.features] == list(bunch.data.columns)
    assert data.train.inputs.shape[1] >= bunch.data.shape[1]
    assert "rows to train" in data.split


def test_a_known_data_set_brings_its_target() -> None:
    assert prepare("iris", TrainSettings()).task.target == "species"


def test_the_same_seed_gives_the_same_rows() -> None:
    first, again, other = (prepare(MESSY, TrainSettings(seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train.row_numbers, again.train.row_numbers)
    assert first.encoder == again.encoder
    assert (first.train.row_numbers != other.train.row_numbers).any()


def test_a_row_shows_its_own_cells() -> None:
    data = prepare(MESSY, TrainSettings())
    assert data.test is not None
    values = data.test.values(3)
    assert values["id"] == data.test.row_numbers[3]
    assert values["outcome"] == data.task.classes[data.test.truth[3]]


def test_the_latest_rows_are_the_test() -> None:
    data = prepare(MESSY, TrainSettings(time="when"))
    assert data.test is not None
    assert data.test.row_numbers.tolist() == list(range(341, 401))
    names = data.encoder.feature_names
    # What lies ahead of all training rows is no feature; what comes again is.
    assert not {"when:elapsed", "when:year"} & set(names)
    assert "when:hour_sin" in names


def test_a_running_number_that_splits_is_no_feature() -> None:
    data = prepare(MESSY, TrainSettings(time="id"))
    assert data.schema["id"].kind == "time"


def test_a_group_and_a_time_are_not_both_followed() -> None:
    with pytest.raises(ConfigError, match="expected one way to split"):
        prepare(MESSY, TrainSettings(time="when", group="shop"))


def test_a_split_that_trains_on_too_few_classes_is_refused() -> None:
    late = ["Good"] * 300 + ["bad"] * 100
    with pytest.raises(DataError, match="hold no row of class 'bad'"):
        prepare({**MESSY, "outcome": late}, TrainSettings(time="when", test_fraction=0.3))


def test_parts_with_a_source_of_their_own_take_nothing_from_the_table(tmp_path: Path) -> None:
    pl.DataFrame(MESSY)[:50].write_csv(tmp_path / "test.csv", separator=";")
    data = prepare(pl.DataFrame(MESSY)[50:], TrainSettings(test=str(tmp_path / "test.csv")))
    assert data.test is not None
    assert data.validation is not None
    assert len(data.test) == 50
    assert len(data.train) + len(data.validation) == 350
    assert "50 rows to test from their own source" in data.split


def test_the_fingerprint_follows_every_source(tmp_path: Path) -> None:
    frame = pl.DataFrame(MESSY)
    frame[:50].write_parquet(tmp_path / "a.parquet")
    frame[:51].write_parquet(tmp_path / "b.parquet")
    found = {
        prepare(frame, TrainSettings(test=test)).fingerprint
        for test in (None, str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet"))
    }
    assert len(found) == 3


def test_balanced_classes_weigh_alike() -> None:
    data = prepare(MESSY, TrainSettings(class_weight="balanced"))
    assert data.train.weights is not None
    totals = np.bincount(data.train.truth, weights=data.train.weights)
    np.testing.assert_allclose(totals, len(data.train) / 2, rtol=1e-5)
    assert data.test is not None
    assert data.test.weights is None


def test_balancing_heeds_the_weights_of_rows() -> None:
    data = prepare(MESSY, TrainSettings())
    own = np.where(data.train.truth == 0, 3.0, 1.0).astype(np.float32)
    weights = class_balanced(data.train.truth, own, data.task)
    assert weights is not None
    totals = np.bincount(data.train.truth, weights=weights)
    np.testing.assert_allclose(totals[0], totals[1], rtol=1e-5)
    np.testing.assert_allclose(totals.sum(), own.sum(), rtol=1e-5)


def test_a_labelled_source_is_encoded_as_the_test_part_was() -> None:
    data = prepare(MESSY, TrainSettings())
    assert data.test is not None
    rows = labelled_rows(data.encoder, pl.DataFrame(MESSY)[data.test.row_numbers - 1])
    np.testing.assert_array_equal(rows.inputs, data.test.inputs)
    np.testing.assert_array_equal(rows.targets, data.test.targets)


def test_a_labelled_source_passes_over_rows_without_a_target() -> None:
    data = prepare(MESSY, TrainSettings())
    outcome = ["Good", None, "?", "bad"]
    rows = labelled_rows(data.encoder, {**{k: v[:4] for k, v in MESSY.items()}, "outcome": outcome})
    assert rows.row_numbers.tolist() == [1, 4]
    assert rows.truth.tolist() == [0, 1]


def test_the_profile_is_plain_json_with_the_facts_of_each_column() -> None:
    data = prepare(MESSY, TrainSettings(ignore=("comment",)))
    profile = json.loads(json.dumps(data.profile, allow_nan=False))
    columns = {column["name"]: column for column in profile["columns"]}
    assert list(columns) == list(MESSY)
    amount = columns["amount"]
    assert amount["missing"] == len(range(0, NUM_ROWS, 17))
    assert sum(amount["histogram"]["counts"]) == NUM_ROWS - amount["missing"]
    assert len(amount["histogram"]["counts"]) <= 24
    assert len(amount["histogram"]["edges"]) == len(amount["histogram"]["counts"]) + 1
    assert amount["min"] <= amount["quantiles"]["0.5"] <= amount["max"]
    assert columns["grade"]["top"][0]["count"] == 100
    assert profile["target"]["top"] == [
        {"value": "Good", "count": 320},
        {"value": "bad", "count": 80},
    ]
    assert 0 <= columns["grade"]["association"] <= 1


def test_association_finds_what_a_correlation_misses_and_nothing_in_noise() -> None:
    x = RANDOM.integers(0, 10, 5_000)
    assert association(x, (x - 5) ** 2) > 0.9
    assert association(x, RANDOM.integers(0, 5, 5_000)) < 0.05


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    program = (
        "import polars as pl\n"
        "from ranvier.data.tabular import fingerprint\n"
        "print(fingerprint(pl.DataFrame({'a': [1.5, None], 'b': ['ä', None], 'c': [1, 2]})))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    here = fingerprint(pl.DataFrame({"a": [1.5, None], "b": ["ä", None], "c": [1, 2]}))
    assert printed == {here}


@pytest.mark.parametrize(
    "other",
    [
        {"a": [1.5, 0.0], "b": ["x", "yz"]},
        {"a": [1.5, None], "b": ["xy", "z"]},
        {"a": [1.5, None], "b": ["x", None]},
        {"a": [None, 1.5], "b": ["x", "yz"]},
        {"b": ["x", "yz"], "a": [1.5, None]},
        {"A": [1.5, None], "b": ["x", "yz"]},
    ],
)
def test_any_change_changes_the_fingerprint(other: dict[str, Any]) -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "yz"]})
    assert fingerprint(frame) != fingerprint(pl.DataFrame(other))
