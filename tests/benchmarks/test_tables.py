"""The table of accuracies: what is kept of a run cut off, and what is made of the cells."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from benchmarks import tables
from benchmarks.chart import Panel, Point, chart
from benchmarks.machine import machine


def cell(contender: str, seed: int, accuracy: float) -> dict:
    return {
        "dataset": "letter",
        "contender": contender,
        "seed": seed,
        "metrics": {"accuracy": accuracy, "log_loss": 0.5},
        "seconds": 1.0 + seed,
        "machine": machine(threads=1),
    }


def test_the_latest_record_of_a_cell_counts_and_a_torn_line_does_not(tmp_path: Path) -> None:
    path = tmp_path / "tables.jsonl"
    lines = [json.dumps(cell("ranvier", 0, score)) for score in (0.5, 0.9)]
    path.write_text("\n".join([*lines, lines[0][:40]]))
    cells = tables.read_cells(path)
    assert list(cells) == [("letter", "ranvier", 0)]
    assert cells["letter", "ranvier", 0]["metrics"]["accuracy"] == 0.9


def test_nothing_is_known_before_the_first_cell(tmp_path: Path) -> None:
    assert tables.read_cells(tmp_path / "tables.jsonl") == {}


def test_a_row_is_the_mean_and_standard_deviation_over_seeds() -> None:
    records = [cell("ranvier", 0, 0.90), cell("ranvier", 1, 0.94), cell("plain-network", 0, 0.8)]
    rows = tables.summarise({(c["dataset"], c["contender"], c["seed"]): c for c in records})
    assert [(row["contender"], row["seeds"]) for row in rows] == [
        ("plain-network", 1),
        ("ranvier", 2),
    ]
    assert rows[1]["metrics"]["accuracy"]["mean"] == pytest.approx(0.92)
    assert rows[1]["metrics"]["accuracy"]["sd"] == pytest.approx(np.std([0.90, 0.94], ddof=1))
    text = tables.markdown(rows)
    assert "| letter | accuracy | Ranvier | 0.9200 ± 0.0283 | 2 | 1.5 |" in text
    assert f"Python {rows[0]['machine']['python']}" in text


def test_a_cell_that_stands_is_not_run_again_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []

    def count(rows: tables.Split, seed: int, threads: int) -> tables.Result:
        ran.append(seed)
        return tables.Result({"accuracy": 0.5}, 1.0)

    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    monkeypatch.setattr(tables, "CONTENDERS", {"counted": ("Counted", count)})
    monkeypatch.setattr(tables, "TARGETS", {"iris": ("accuracy", 0.9)})
    arguments = argparse.Namespace(
        datasets=["iris"], only=["counted"], seeds=2, threads=1, again=False, out=tmp_path
    )
    tables.measure(arguments)
    tables.measure(arguments)
    assert ran == [0, 1]
    arguments.again = True
    tables.measure(arguments)
    assert ran == [0, 1, 0, 1]


def test_a_random_split_parts_the_rows_by_seed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))

    def parts(seed: int, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        (tmp_path / name).mkdir()
        rows = tables.split("diabetes", seed, tmp_path / name)
        return rows.train, rows.test

    train, test = parts(0, "first")
    assert (train.height, test.height) == (354, 88)
    assert pl.concat([train, test]).n_unique() == 442
    again, _ = parts(0, "second")
    other, _ = parts(1, "third")
    assert again.equals(train) and not other.equals(train)


@pytest.mark.parametrize(("name", "metric", "least"), [("iris", "accuracy", 0.9)])
def test_the_peers_learn_and_the_baseline_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, metric: str, least: float
) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    rows = tables.split(name, 0, tmp_path)
    assert tables.baseline(rows, 0, 1).metrics[metric] < 0.5
    assert tables.gradient_boosting(rows, 0, 1).metrics[metric] >= least
    assert tables.plain_network(rows, 0, 1).metrics[metric] >= least


def test_the_chart_is_whole_xml_with_every_contender_inside_its_frame() -> None:
    points = (Point("Ranvier & friends", 0.97, 0.002), Point("another", 0.96, 0.001))
    svg = ElementTree.fromstring(chart([Panel("letter: accuracy", points, 0.97)] * 2))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    circles = [node for node in svg.iter() if node.tag.endswith("circle")]
    assert len(circles) == 4
    assert all(0 < float(c.attrib["cx"]) < width for c in circles)
    assert all(0 < float(c.attrib["cy"]) < height for c in circles)
    by_panel = [float(c.attrib["cx"]) for c in circles]
    assert by_panel[0] > by_panel[1], "the better score stands further right"
    assert "Ranvier & friends" in [node.text for node in svg.iter()]


def test_a_measurement_names_its_machine() -> None:
    here = machine(threads=2)
    assert here["processor"] and here["cores"] >= 1 and here["threads"] == 2
    assert here["versions"]["numpy"] == np.__version__
