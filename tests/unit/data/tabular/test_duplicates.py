from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer, load_iris

from ranvier.data.tabular import prepare
from ranvier.data.tabular.duplicates import find_copies, shared_rows
from ranvier.runs.settings import TrainSettings


def test_equal_rows_share_a_unit_numbered_by_where_it_first_occurs() -> None:
    copies = find_copies(pl.DataFrame({"a": [5, 6, 5, 7, 6], "b": ["x", "y", "x", "z", None]}))
    assert copies.unit.tolist() == [0, 1, 0, 2, 3]
    assert copies.num_copies == 1


def test_copies_in_a_table_of_measurements_are_no_coincidence() -> None:
    cancer = pl.from_pandas(load_breast_cancer(as_frame=True).frame)
    copies = find_copies(pl.concat([cancer, cancer[:40]]))
    assert copies.num_copies == 40
    assert copies.keep_together


def test_equal_rows_of_a_coarse_table_are_a_coincidence() -> None:
    random = np.random.default_rng(0)
    coarse = pl.DataFrame({name: random.integers(0, 3, 2_000) for name in "abcd"})
    assert find_copies(coarse).by_chance
    assert find_copies(pl.from_pandas(load_iris(as_frame=True).frame)).by_chance


def test_copies_never_straddle_training_and_test_rows() -> None:
    cancer = pl.from_pandas(load_breast_cancer(as_frame=True).frame)
    # A running number must not hide that two rows are the same record.
    table = (
        pl.concat([cancer, cancer]).with_row_index("id").sample(fraction=1, shuffle=True, seed=1)
    )
    data = prepare(table, TrainSettings())
    assert data.test is not None
    seen = {row.tobytes() for row in data.train.inputs}
    assert not any(row.tobytes() in seen for row in data.test.inputs)
    [finding] = [f for f in data.findings if f.number == 34]
    assert "569 of 1,138 rows are equal to another row" in finding.symptom


def test_rows_of_a_test_source_that_were_trained_on_are_said(tmp_path) -> None:
    cancer = pl.from_pandas(load_breast_cancer(as_frame=True).frame)
    cancer[:100].write_parquet(tmp_path / "test.parquet")
    data = prepare(cancer, TrainSettings(test=str(tmp_path / "test.parquet")))
    assert data.test is not None
    assert len(data.test) == 100
    [finding] = [f for f in data.findings if f.number == 34]
    assert finding.severity == "warning"
    assert finding.evidence["shared"] == shared_rows(
        pl.DataFrame(data.train.inputs), pl.DataFrame(data.test.inputs)
    )
