"""What a training leaves: the files, and what stands in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.runs.documents import read_document
from tests.unit.apps.tabular.conftest import QUICK, network, people


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "people.csv"
    people().write_csv(path)
    return path


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> rv.Run:
    out = tmp_path_factory.mktemp("runs") / "first"
    settings = {**QUICK, "target": "bought", "ignore": ("score",)}
    return rv.train(network(), source, out=out, command="ranvier train people.csv", **settings)


def test_the_folder_holds_what_the_design_lists_and_nothing_else(run: rv.Run) -> None:
    names = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
    assert names == {
        *("run.json", "network.json", "summary.json", "report.html"),
        *("events", "checkpoints", "model"),
    }
    assert {path.name for path in run.folder.model.iterdir()} == {
        *("weights.safetensors", "network.json", "encoder.json", "manifest.json"),
    }


def test_run_json_says_what_was_asked_and_what_was_settled(run: rv.Run, source: Path) -> None:
    document = read_document(run.folder.run)
    asked = {
        "target": "bought",
        "ignore": ["score"],
        "epochs": 3,
        "batch_size": 32,
        "threads": 1,
        "statistics_every": 4,
    }
    assert document["requested"] == asked
    settled = document["settings"]
    assert settled["optimizer"]["kind"] == "adamw"
    assert settled["optimizer"]["learning_rate"] == settled["learning_rate"] > 0
    assert settled["loss"]["kind"] == "cross_entropy"
    open_still = {name for name, value in settled.items() if value is None}
    # What is left at None is a choice: no such column, no such source, the task seen in the data.
    assert open_still == {
        *("task", "weight", "group", "time", "validation", "test", "network"),
        *("size", "channels", "augmentation", "mixup", "cutmix", "views"),
        *("minutes", "start_from", "freeze", "parameter_groups"),
    }
    assert document["command"] == "ranvier train people.csv"
    assert document["task"] == {
        "kind": "classification",
        "target": "bought",
        "classes": ["no", "yes"],
    }


def test_run_json_says_where_the_data_is_and_what_it_was(run: rv.Run, source: Path) -> None:
    data = read_document(run.folder.run)["data"]
    assert data["source"] == str(source)
    assert data["path"] == str(source)
    assert data["form"] == "one_hot"
    assert data["rows"] == 240
    assert data["parts"] == {"train": 168, "validation": 36, "test": 36}
    assert data["split"].startswith("168 rows to train, 36 to validate, 36 to test")
    kinds = {column["name"]: column["kind"] for column in data["columns"]}
    assert kinds == {
        "age": "numeric",
        "income": "numeric",
        "city": "category",
        "joined": "date",
        "always": "constant",
        "score": "ignored",
        "bought": "target",
    }


def test_run_json_names_the_machine(run: rv.Run) -> None:
    environment = read_document(run.folder.run)["environment"]
    assert environment["device"] == "cpu"
    assert environment["threads"] == 1
    assert environment.keys() >= {"ranvier", "python", "torch", "platform", "processor", "cores"}


def test_every_open_setting_is_recorded_with_its_reason(run: rv.Run) -> None:
    choices = {choice["what"]: choice for choice in read_document(run.folder.run)["choices"]}
    assert choices.keys() == {
        *("loss", "optimizer", "learning_rate", "schedule", "weight_decay", "clip_norm"),
        *("average_decay", "patience", "metric"),
    }
    assert all(choice["why"] for choice in choices.values())
    assert choices["loss"]["value"] == "cross_entropy"
    assert choices["loss"]["why"].startswith("what classification minimises")


def test_summary_json_holds_metrics_by_split_beside_the_baseline(run: rv.Run) -> None:
    summary = read_document(run.folder.summary)
    assert summary["status"] == "finished"
    assert summary["metrics"].keys() == {"train", "validation", "test"}
    assert summary["baseline"].keys() == {"train", "validation", "test"}
    assert summary["baseline"]["test"]["roc_auc"] == 0.5
    assert summary["primary_metric"] == "roc_auc"
    assert (summary["epochs"], summary["steps"]) == (3, 18)
    assert 1 <= summary["best_epoch"] <= 3
    assert summary["rows"] == {"train": 168, "validation": 36, "test": 36}
    module = rv.load(run.path).model
    assert summary["parameters"] == sum(p.numel() for p in module.parameters())
    assert "column 'always'" in {finding["where"] for finding in summary["findings"]}


def test_the_metrics_are_those_of_the_restored_network(run: rv.Run, source: Path) -> None:
    evaluation = next(e for e in run.history.of("evaluation") if e["split"] == "test")
    assert evaluation["metrics"] == run.metrics["test"]
    frame = pl.read_csv(source)
    every_row = run.evaluate(frame)
    counts, parts = {"train": 168, "validation": 36, "test": 36}, run.metrics
    pooled = sum(counts[part] * parts[part]["accuracy"] for part in counts) / 240
    assert every_row["accuracy"] == pytest.approx(pooled)


def test_the_events_hold_every_kind_and_every_step(run: rv.Run) -> None:
    history = run.history
    kinds = ("start", "window", "weights", "activations", "distributions", "epoch", "timing")
    for kind in (*kinds, "evaluation", "finding", "end"):
        assert history.of(kind), kind
    assert len(history.series("loss")) == len(history.series("gradient_norm")) == 18
    assert [epoch["epoch"] for epoch in history.epochs] == [1, 2, 3]
    assert sum(epoch["best"] for epoch in history.epochs) >= 1
    assert history.of("weights")[0]["step"] == 1
    assert "variance" in history.of("weights")[0]
    [end] = history.of("end")
    assert (end["reason"], end["step"], end["epoch"]) == ("all epochs", 18, 3)
    start = history.of("start")[0]
    assert start["parameters"][0] == "dense_0.weight"
    assert start["parameter_shapes"][0] == [8, start["input_shape"][0]]


def test_worst_errors_name_rows_of_the_source(run: rv.Run, source: Path) -> None:
    frame = pl.read_csv(source)
    errors = next(e for e in run.history.of("evaluation") if e["split"] == "train")["errors"]
    assert errors
    for error in errors:
        row = frame.row(error["row"] - 1, named=True)
        assert row["bought"] == error["truth"] != error["predicted"]
        assert error["values"]["income"] == row["income"]
    assert [error["loss"] for error in errors] == sorted((e["loss"] for e in errors), reverse=True)


def test_the_network_is_stored_as_it_was_given(run: rv.Run) -> None:
    assert run.network == network()
    assert rv.Network.from_json(run.folder.network.read_text()) == network()


def test_a_network_that_is_brought_gets_numbers_and_indicators(run: rv.Run) -> None:
    encoder = run.answering.encoder
    assert encoder.form == "one_hot"
    assert encoder.layout.cardinalities == ()
    inputs = encoder.encode(people())
    assert inputs.shape[1] == encoder.layout.features
    indicators = [i for i in range(inputs.shape[1]) if set(np.unique(inputs[:, i])) <= {0.0, 1.0}]
    assert len(indicators) >= 4  # three cities and "age is missing"


def test_the_default_network_gets_codes_and_says_what_it_is(tmp_path: Path) -> None:
    settings = {**QUICK, "target": "bought", "ignore": ("score",), "epochs": 1}
    run = rv.train(None, people(), out=tmp_path / "run", **settings)
    assert run.document["data"]["form"] == "codes"
    assert run.answering.encoder.layout.cardinalities == (4,)
    first = run.document["choices"][0]
    assert (first["what"], first["value"]) == ("network", "default for tables")
    assert "trained as one" in first["why"]


def test_the_report_is_one_file_that_asks_nothing_of_the_network(run: rv.Run) -> None:
    page = run.report().read_text()
    assert "bought" in page and "<svg" in page
    for request in ('src="http', 'href="http', "url(http", "@import"):
        assert request not in page


def test_a_run_says_itself(run: rv.Run) -> None:
    assert repr(run) == f"Run({str(run.path)!r}, finished)"
    assert json.loads(json.dumps(run.history.to_json()))
