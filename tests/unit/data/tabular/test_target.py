from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from ranvier.core.errors import ConfigError
from ranvier.data.tabular.target import read_target


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"] * 10, "classification"),
        ([True, False] * 10, "classification"),
        ([0, 1] * 10, "classification"),
        (list(range(10)) * 5, "classification"),
        (list(range(10)) * 2, "regression"),
        (list(range(30)) * 9, "regression"),
        ([0.0, 1.0] * 10, "classification"),
        ([0.0, 1.0, 2.0] * 10, "regression"),
        ([0.5, 1.5] * 10, "regression"),
    ],
)
def test_the_task_follows_from_the_values(values: list[Any], kind: str) -> None:
    assert read_target(pl.Series("y", values), "here", task=None).task.kind == kind


def test_a_table_refuses_a_task_that_no_single_column_holds() -> None:
    with pytest.raises(ConfigError) as caught:
        read_target(pl.Series("y", [0, 1] * 10), "rows.csv", task="multilabel")
    assert str(caught.value) == (
        "rows.csv, target 'y': task multilabel, where any number of classes may hold, is for "
        "pictures; a table predicts one column, which has one value in a row. Say --task "
        "classification, and train once for each column of yes and no."
    )


def test_the_task_asked_for_is_the_task() -> None:
    numbers = pl.Series("y", [0, 1, 2] * 10)
    assert read_target(numbers, "here", task="regression").task.kind == "regression"
    assert read_target(numbers, "here", task="classification").task.classes == (0, 1, 2)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "Ä"] * 5, ("a", "b", "Ä")),
        ([10, 9, 100] * 5, (9, 10, 100)),
        ([True, False] * 5, (False, True)),
        (["007", "2"] * 5, ("007", "2")),
    ],
)
def test_labels_are_kept_as_the_data_spells_them_in_their_own_order(
    values: list[Any], classes: tuple[Any, ...]
) -> None:
    target = read_target(pl.Series("y", values), "here", task=None)
    assert target.task.classes == classes
    assert [type(label) for label in target.task.classes] == [type(label) for label in classes]
    assert [classes[place] for place in target.truth] == values


def test_a_regression_keeps_its_unit() -> None:
    target = read_target(pl.Series("y", [1.5, None, 2.5, 4.0]), "here", task=None)
    np.testing.assert_array_equal(target.truth, [1.5, 2.5, 4.0])
    np.testing.assert_array_equal(target.rows, [0, 2, 3])


def test_uneven_classes_are_said_as_symptom_33_with_a_cure() -> None:
    target = read_target(pl.Series("y", ["a"] * 95 + ["b"] * 5), "here", task=None)
    [finding] = target.findings
    assert finding.number == 33
    assert finding.severity == "warning"
    assert finding.symptom == "classes are uneven: 'a' has 95 rows, 'b' 5"
    assert finding.cure == "class_weight=balanced"
    assert finding.evidence["ratio"] == 19


def test_even_classes_are_no_finding() -> None:
    assert read_target(pl.Series("y", ["a", "b", "c"] * 9), "here", task=None).findings == ()
