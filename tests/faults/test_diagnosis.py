"""Trainings that go wrong from end to end: stopped before, named while, and diagnosed after."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier import api
from ranvier.core.errors import DivergedError
from ranvier.diagnose import AT_THE_END, diagnose
from ranvier.runs.history import History
from tests.faults.conftest import Ask

QUICK = ["--epochs", "3", "--threads", "1", "--batch-size", "32"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    columns = {f"x{i}": random.normal(size=300).round(4) for i in range(3)}
    label = np.where(columns["x0"] + columns["x1"] > 0, "yes", "no")
    path = tmp_path / "table.csv"
    pl.DataFrame({**columns, "y": label}).write_csv(path)
    return path


@pytest.fixture
def softmax_twice(tmp_path: Path) -> Path:
    network = rv.Network(rv.Dense(8, activation="relu"), rv.Dense(2, activation="softmax"))
    path = tmp_path / "network.json"
    path.write_text(network.to_json())
    return path


def test_what_would_spoil_a_training_stops_it_with_what_to_mend(
    ask: Ask, source: Path, softmax_twice: Path, tmp_path: Path
) -> None:
    said = ask("train", source, "--network", softmax_twice, "--out", tmp_path / "run", *QUICK)
    assert said.code == 2
    assert "ranvier: before the first update 1 error was found:" in said.err
    assert "the last layer: loss and head disagree" in said.err
    assert "Give logits to cross-entropy" in said.err and "--no-preflight" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "run").exists()


def test_without_preflight_the_same_training_goes_on(
    ask: Ask, source: Path, softmax_twice: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    said = ask("train", source, "--network", softmax_twice, "--out", out, "--no-preflight", *QUICK)
    assert said.code == 0
    document = json.loads((out / "run.json").read_text())
    assert document["settings"]["preflight"] is False
    assert rv.load(out).history.of("preflight") == []


def test_a_file_of_settings_leaves_preflight_out_too(
    ask: Ask, source: Path, softmax_twice: Path, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("preflight = false\nepochs = 1\nthreads = 1\n")
    out = tmp_path / "run"
    said = ask("train", source, "--network", softmax_twice, "--config", config, "--out", out)
    assert said.code == 0


def test_a_training_that_diverged_is_named_reported_and_diagnosed_alike(
    ask: Ask, source: Path, tmp_path: Path
) -> None:
    network = tmp_path / "network.json"
    network.write_text(rv.Network(rv.Dense(8, activation="relu"), rv.Dense(2)).to_json())
    out = tmp_path / "run"
    said = ask(
        "train", source, "--network", network, "--out", out, "--optimizer", "sgd",
        "--learning-rate", "1e38", *QUICK,
    )  # fmt: skip
    assert said.code == 2
    assert "is not finite" in said.err and "It begins with" in said.err
    run = rv.load(out)
    assert run.summary["status"] == "diverged"
    [record] = run.history.of("not_finite")
    assert record["operation"] and record["layer"] and record["phase"]
    doctor = ask("doctor", out, "--json")
    assert doctor.code == 3
    assert json.loads(doctor.out)["findings"] == run.summary["findings"]


class Level(nn.Module):
    """Logarithms over a level that weight decay brings below what they can take."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(4.5))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + 0.0 * torch.log(self.level + inputs)


class Sinking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level = Level()
        self.out = nn.Linear(3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.level(inputs))


def test_the_rows_named_are_those_of_the_source(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"log of -.* in level, rows? \d") as caught:
        rv.train(
            Sinking(), source, epochs=60, batch_size=32, threads=1, out=tmp_path / "run",
            optimizer={"kind": "sgd", "weight_decay": 0.5}, learning_rate=0.1,
            schedule="constant", parameter_groups={"level": {"weight_decay": 1.0}},
        )  # fmt: skip
    [record] = rv.load(tmp_path / "run").history.of("not_finite")
    assert (record["operation"], record["layer"], record["phase"]) == ("log", "level", "forward")
    # Those rows hold the smallest values of their columns: the level sinks towards them.
    table = pl.read_csv(source)
    numbers = record["rows"]
    least = [table[number - 1, f"x{i}"] for number in numbers for i in range(3)]
    assert min(least) < float(np.quantile(table.select("x0", "x1", "x2").to_numpy(), 0.01))
    assert f"step {record['step']}" in str(caught.value)


def long_training(source: str, out: str) -> None:
    api.train(None, source, out=out, epochs=10**6, patience=0, threads=1, checkpoint_seconds=0.05)


def test_a_killed_run_is_diagnosed_from_what_it_left(
    ask: Ask, source: Path, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ranvier.api"])
    out = tmp_path / "run"
    child = context.Process(target=long_training, args=(str(source), str(out)))
    child.start()
    until = time.monotonic() + 120
    while time.monotonic() < until and not _has_evaluations(out):
        time.sleep(0.1)
    child.kill()
    child.join()
    assert not (out / "summary.json").exists()
    said = ask("doctor", out, "--json")
    assert said.code in (0, 3)
    # Nothing is said of how it ended, since it may have been going on for all that anybody knows.
    found = [
        finding.to_json()
        for finding in diagnose(History.read(out / "events"))
        if finding.number not in AT_THE_END
    ]
    # A number that is not finite is null in a document.
    assert json.loads(said.out)["findings"] == msgspec.json.decode(msgspec.json.encode(found))


def _has_evaluations(out: Path) -> bool:
    events = out / "events"
    return events.is_dir() and any(events.iterdir()) and len(History.read(events).epochs) > 2


def test_a_run_killed_before_its_first_checkpoint_is_examined_anew(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ranvier.train.trainer import Trainer

    def dies(self: Trainer) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "run", dies)
        rv.train(None, source, epochs=1, threads=1, out=tmp_path / "run")
    run = rv.resume(tmp_path / "run")
    assert len(run.history.of("preflight")) == 1
    assert run.summary["status"] == "finished"
