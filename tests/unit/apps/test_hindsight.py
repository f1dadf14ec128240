"""A run that ends with much left to learn: what would have helped is tried and written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.apps import hindsight
from ranvier.apps.doctor import Doctor
from ranvier.apps.hindsight import trials_of
from ranvier.diagnose.evidence import TrialFacts
from ranvier.runs import checkpoints
from ranvier.runs.events import read_events
from ranvier.runs.history import History
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor, FolderStore, NoStore
from tests.unit.train.conftest import MakeJob, make_job  # noqa: F401

QUICK: dict[str, Any] = {"batch_size": 32, "threads": 1, "patience": 0}
UPDATES = 40


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = hindsight.TRIALS * hindsight.LEAST_SECONDS * (UPDATES + 0.5)
    monkeypatch.setattr(hindsight, "SECONDS", seconds)


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def rows(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(count, 4))
    return inputs, inputs[:, 0] - 2 * inputs[:, 1] + random.normal(0, 0.1, count)


def network() -> rv.Network:
    return rv.Network(rv.Dense(8, activation="relu"), rv.Dense(1))


def run_of(rate: float, out: Path, progress: Silent | None = None) -> Any:
    optimizer = rv.SGD(rate)
    return rv.train(
        network(), rows(), epochs=20, optimizer=optimizer, out=out, progress=progress, **QUICK
    )


# A run.


def test_a_run_whose_rate_is_far_too_low_ends_with_trials_that_say_so(tmp_path: Path) -> None:
    heard = Heard()
    run = run_of(1e-7, tmp_path / "run", heard)
    (record,) = run.history.of("trials")
    assert record["step"] == run.history.epochs[-1]["step"]
    by_name = {each["name"]: TrialFacts.from_json(each) for each in record["trials"]}
    assert {each.updates for each in by_name.values()} == {UPDATES}
    after = {name: each.after for name, each in by_name.items()}
    assert after["Adam"] < 0.99 * after["as it is"]
    assert any("trying what would have helped" in line for line in heard.lines)
    assert (run.findings[0].number, run.findings[0].severity) == (7, "error")
    assert run.summary["findings"][0]["number"] == 7
    # They come after the last evaluation and before the end.
    kinds = [record["kind"] for record in read_events(tmp_path / "run" / "events")]
    kinds = [kind for kind in kinds if kind in ("epoch", "trials", "end")]
    assert kinds[-3:] == ["epoch", "trials", "end"]


def test_a_run_that_goes_well_makes_none(tmp_path: Path) -> None:
    heard = Heard()
    run = run_of(0.05, tmp_path / "run", heard)
    assert run.history.of("trials") == []
    assert not any("trying" in line for line in heard.lines)
    assert not [each for each in run.findings if each.severity == "error"]


# A job.


def test_trials_are_those_of_the_job_before_its_first_step(make_job: MakeJob) -> None:  # noqa: F811
    job = make_job(learning_rate=1e-3)
    weights = {name: value.clone() for name, value in job.module.state_dict().items()}
    found = {each.name: each for each in trials_of(job)}
    assert {each.updates for each in found.values()} == {UPDATES}
    assert all(torch.equal(weights[name], v) for name, v in job.module.state_dict().items())
    assert {"as it is", "rate × 10", "leaky ReLU inside", "no regularisation"} <= found.keys()
    before, after = found["as it is"].before, found["as it is"].after
    assert before is not None and after is not None and after < before
    assert trials_of(make_job(learning_rate=1e-3)) == tuple(found.values())


def test_the_jobs_own_rate_and_decay_are_those_of_the_trials(make_job: MakeJob) -> None:  # noqa: F811
    slow = {each.name: each for each in trials_of(make_job(learning_rate=1e-3))}
    fast = {each.name: each for each in trials_of(make_job(learning_rate=1e-2))}
    assert slow["rate × 10"].after == pytest.approx(fast["as it is"].after, rel=1e-4)
    assert slow["as it is"].after == pytest.approx(fast["rate × 0.1"].after, rel=1e-4)


def test_larger_networks_get_fewer_updates_by_a_rule_without_a_clock(
    make_job: MakeJob,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters = sum(each.numel() for each in make_job().module.parameters())
    # An update takes twice what is taken for granted.
    monkeypatch.setattr(
        hindsight, "MULTIPLY_ADDS", 3 * 32 * parameters / (2 * hindsight.LEAST_SECONDS)
    )
    assert {each.updates for each in trials_of(make_job())} == {UPDATES // 2}
    monkeypatch.setattr(hindsight, "MULTIPLY_ADDS", 1.0)
    assert trials_of(make_job()) == ()


# Killed and resumed.


class Killed(Exception):
    """Stands for kill -9: nothing runs after it."""


class KillsAt(FolderStore):
    """Saves at one place and dies right after."""

    def __init__(self, folder: Path, place: Cursor) -> None:
        super().__init__(folder, seconds=1e9)
        self.place = place

    def most_steps(self, cursor: Cursor) -> int:
        return 1

    def due(self, cursor: Cursor) -> bool:
        return cursor == self.place

    def save(self, cursor: Cursor, tensors: Any, document: dict[str, Any]) -> None:
        super().save(cursor, tensors, document)
        if cursor == self.place:
            raise Killed


@pytest.mark.parametrize("place", [Cursor(8, 0, 8), Cursor(65, 5, 10), Cursor(66, 6, 0)], ids=str)
def test_a_run_that_was_killed_and_resumed_makes_the_same_trials_once(
    place: Cursor,
    make_job: MakeJob,  # noqa: F811
    tmp_path: Path,
) -> None:
    def made() -> Job:
        return make_job(learning_rate=1e-7)

    def watcher() -> Doctor:
        return Doctor(lambda: trials_of(made()))

    alone, killed, rest = MemoryJournal(), MemoryJournal(), MemoryJournal()
    with machine(torch.device("cpu"), threads=1, seed=0):
        made().trainer(alone, NoStore(), Silent(), watcher=watcher()).run()
    with machine(torch.device("cpu"), threads=1, seed=0), pytest.raises(Killed):
        made().trainer(killed, KillsAt(tmp_path, place), Silent(), watcher=watcher()).run()
    _, tensors, document = checkpoints.load(tmp_path)
    with machine(torch.device("cpu"), threads=1, seed=0):
        torch.rand(3)  # the process that resumes has used its random numbers otherwise
        trainer = made().trainer(rest, NoStore(), Silent(), watcher=watcher())
        trainer.load(tensors, document)
        trainer.run()
    kept = killed.records[: document["events"]["offset"]]
    expected = History(alone.records).of("trials")
    assert len(expected) == 1 and len(expected[0]["trials"]) > 8
    assert History([*kept, *rest.records]).of("trials") == expected


def test_what_has_not_ended_or_has_no_trials_to_make_is_not_tried(
    make_job: MakeJob,  # noqa: F811
) -> None:
    journal = MemoryJournal()
    with machine(torch.device("cpu"), threads=1, seed=0):
        make_job(learning_rate=1e-7).trainer(journal, NoStore(), Silent(), watcher=Doctor()).run()
    assert History(journal.records).of("trials") == []
