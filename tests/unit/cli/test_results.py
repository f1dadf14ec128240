"""The end screen's table and its numbers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ranvier.cli.numbers import number
from ranvier.cli.results import metrics_table


def shown(table, width=80):
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return [line.split() for line in file.getvalue().splitlines()]


def test_only_the_splits_that_were_measured_have_a_column():
    assert shown(metrics_table({"train": {}, "test": {"r2": 0.5}})) == [
        ["metric", "test"],
        ["r2", "0.5000"],
    ]


def test_a_metric_that_one_split_lacks_is_a_dash():
    rows = shown(metrics_table({"validation": {"r2": 0.5}, "test": {"r2": 0.25, "roc_auc": 0.75}}))
    assert rows[2] == ["roc_auc", "–", "0.7500"]


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_loses_no_metric(width):
    metrics = {split: {"log_loss": 0.5} for split in ("train", "validation", "test")}
    table = metrics_table(metrics, baseline={"log_loss": 0.7})
    assert any(row and row[0].startswith("log") for row in shown(table, width))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (1e-5, "1.00e-05"),
        (-1234567.8, "-1,234,568"),
        (1e12, "1.000e+12"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_of_any_size_stay_readable(value, text):
    assert number(value) == text
