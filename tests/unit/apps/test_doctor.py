"""The doctor beside a training: how often it looks, what it says, and what stands at the end."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

import ranvier as rv
from ranvier.apps import doctor
from ranvier.apps.doctor import Doctor, news
from ranvier.core.errors import DivergedError
from ranvier.core.finding import Finding
from ranvier.diagnose import diagnose
from ranvier.runs.history import History
from ranvier.train.journal import MemoryJournal, RememberingJournal
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


class Loop:
    """A trainer as the doctor sees it: records that somebody else makes."""

    def __init__(self) -> None:
        self.inner = MemoryJournal()
        self.journal = RememberingJournal(self.inner)
        self.progress = Heard()
        self.finished: str | None = None
        self.cursor = Cursor(0, 0, 0)
        shapes = {"parameters": ["w"], "parameter_shapes": [[4, 4]], "layers": []}
        self.journal.append("start", {"step": 0, "rows": {"train": 640}, **shapes})

    @property
    def history(self) -> History:
        return self.journal.history

    def epoch(self, losses: list[float]) -> None:
        step = self.cursor.step + len(losses)
        count = len(losses)
        window = {"loss": losses, "gradient_norm": [1.0] * count, "learning_rate": [0.01] * count}
        self.journal.append("window", {"step": step, **window})
        number = self.cursor.epoch + 1
        scores = {"train": {"loss": float(np.mean(losses))}, "validation": {"loss": losses[-1]}}
        self.journal.append("epoch", {"epoch": number, "step": step, **scores})
        self.cursor = Cursor(step, number, 0)

    @property
    def said(self) -> list[dict[str, Any]]:
        return [record for record in self.inner.records if record["kind"] == "finding"]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor that may take all the time there is."""
    monkeypatch.setattr(doctor, "SHARE", 1e9)


def falling(first: int, count: int = 40) -> list[float]:
    return [math.exp(-(first + k) / 100) + 0.01 * (k % 2) for k in range(count)]


@pytest.mark.usefixtures("eager")
def test_a_fault_that_begins_in_mid_training_is_told_within_two_evaluations() -> None:
    loop, watcher = Loop(), Doctor()
    for number in range(8):
        loop.epoch(falling(40 * number))
        watcher.evaluated(loop)  # type: ignore[arg-type]
    assert loop.said == []
    for number in range(2):
        loop.epoch([2.0 * 1.05 ** (40 * number + k) for k in range(40)])
        watcher.evaluated(loop)  # type: ignore[arg-type]
    found = {record["number"]: record for record in loop.said}
    assert 10 in found, loop.said
    assert found[10]["severity"] == "error"
    assert found[10]["step"] == loop.cursor.step
    assert any(line.startswith(f"step {loop.cursor.step}: error: divergence") for line in
               loop.progress.lines)  # fmt: skip


@pytest.mark.usefixtures("eager")
def test_what_was_said_is_not_said_again_unless_it_became_worse() -> None:
    loop, watcher = Loop(), Doctor()
    for number in range(14):
        loop.epoch(falling(40 * number) if number < 8 else [3.0 * 1.02**k for k in range(40)])
        watcher.evaluated(loop)  # type: ignore[arg-type]
    numbers = [record["number"] for record in loop.said]
    assert numbers and len(numbers) == len(set(numbers))


@pytest.mark.usefixtures("eager")
def test_a_fault_seen_once_waits_for_a_second_look() -> None:
    loop, watcher = Loop(), Doctor()
    for number in range(8):
        loop.epoch(falling(40 * number))
    loop.epoch([2.0 * 1.05**k for k in range(60)])
    watcher.evaluated(loop)  # type: ignore[arg-type]
    assert not [record for record in loop.said if record["number"] == 10]


def test_epochs_shorter_than_a_hundred_diagnoses_are_not_all_diagnosed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(doctor, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    made: list[float] = []

    def takes_a_second(*_: Any, **__: Any) -> list[Finding]:
        made.append(now[0])
        now[0] += 1.0
        return []

    monkeypatch.setattr(doctor, "diagnose", takes_a_second)
    loop, watcher = Loop(), Doctor()
    for _ in range(300):
        now[0] += 1.0
        watcher.evaluated(loop)  # type: ignore[arg-type]
    assert 3 <= len(made) <= 4


def test_only_warnings_and_errors_that_are_new_or_worse_are_news() -> None:
    def finding(number: int, severity: Any) -> Finding:
        return Finding(severity, "symptom", "data", "here", "do", number=number)

    known = [finding(1, "warning"), finding(2, "error"), finding(4, "information")]
    history = History([{"kind": "finding", **each.to_json()} for each in known])
    found = [
        finding(1, "error"), finding(2, "error"), finding(3, "information"),
        finding(4, "warning"), finding(5, "warning"),
    ]  # fmt: skip
    assert [each.number for each in news(found, history)] == [1, 4, 5]


def rows(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(count, 4))
    return inputs, inputs[:, 0] - 2 * inputs[:, 1] + random.normal(0, 0.1, count)


QUICK: dict[str, Any] = {"batch_size": 32, "threads": 1, "statistics_every": 4}


def network() -> rv.Network:
    return rv.Network(rv.Dense(8, activation="relu"), rv.Dense(1))


def agrees(folder: Path) -> None:
    """What the summary says is what anybody finds in the records."""
    found = [finding.to_json() for finding in diagnose(History.read(folder / "events"))]
    # A number that is not finite is null in a document.
    assert rv.load(folder).summary["findings"] == msgspec.json.decode(msgspec.json.encode(found))


def test_the_summary_is_the_verdict_on_the_records(tmp_path: Path) -> None:
    rv.train(network(), rows(), epochs=12, out=tmp_path / "run", **QUICK)
    agrees(tmp_path / "run")


def test_the_summary_of_a_training_that_diverged_is_the_verdict_too(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="It begins with"):
        rv.train(network(), rows(), epochs=5, optimizer=rv.SGD(1e6), out=tmp_path / "run", **QUICK)
    agrees(tmp_path / "run")
    run = rv.load(tmp_path / "run")
    assert (run.findings[0].number, run.findings[0].severity) == (1, "error")
    assert run.findings[0].evidence["operation"]


@pytest.mark.usefixtures("eager")
def test_a_rate_that_jumps_in_mid_training_is_told_while_it_goes(tmp_path: Path) -> None:
    heard = Heard()
    schedule = {"kind": "piecewise", "boundaries": [0.5], "values": [0.0005, 1.0]}
    rv.train(
        network(), rows(), epochs=20, optimizer=rv.Adam(20.0), schedule=schedule, patience=0,
        out=tmp_path / "run", progress=heard, **QUICK,
    )  # fmt: skip
    run = rv.load(tmp_path / "run")
    live = [f for f in run.history.of("finding") if f.get("step") and f["severity"] == "error"]
    steps_an_epoch = run.history.of("start")[0]["steps_per_epoch"]
    assert live and live[0]["step"] > 10 * steps_an_epoch
    assert any(line.startswith(f"step {live[0]['step']}: ") for line in heard.lines)
    agrees(tmp_path / "run")


def test_what_was_true_once_and_is_not_any_more_stands_in_no_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passing = Finding("error", "passing", "data", "here", "do", number=9)
    monkeypatch.setattr(doctor, "SHARE", 1e9)
    monkeypatch.setattr(Doctor, "_confirmed", lambda self, found: [passing])
    rv.train(network(), rows(), epochs=4, out=tmp_path / "run", **QUICK)
    run = rv.load(tmp_path / "run")
    assert [f["symptom"] for f in run.history.of("finding") if f.get("step")] == ["passing"]
    assert "passing" not in [finding.symptom for finding in run.findings]


def test_labels_that_were_flipped_are_doubted_and_others_are_not(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(600, 4))
    right = (inputs[:, 0] + inputs[:, 1] > 0).astype(int)
    flipped = np.where(random.random(600) < 0.15, 1 - right, right)
    net = rv.Network(rv.Dense(8, activation="relu"), rv.Dense(2))
    suspects = []
    for labels in (right, flipped):
        out = tmp_path / str(len(suspects))
        run = rv.train(
            net, (inputs, labels), epochs=20, optimizer=rv.Adam(0.01), patience=0, out=out, **QUICK
        )
        suspects.append(run.history.epochs[-1]["probe"]["suspects"])
    # Of those flipped some are learnt by heart.
    assert suspects[0] < 0.04 < 0.07 < suspects[1] < 0.16
