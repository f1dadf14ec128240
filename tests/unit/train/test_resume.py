"""A training that was stopped anywhere and resumed is the training that was left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ranvier.optim import OPTIMIZERS
from ranvier.runs import checkpoints
from ranvier.runs.history import History
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.replay import replay
from ranvier.train.store import Cursor, FolderStore, NoStore
from tests.unit.train.conftest import MakeJob

PLACES = [
    Cursor(1, 0, 1),
    Cursor(8, 0, 8),
    Cursor(11, 0, 11),  # the last step of an epoch, before its evaluation
    Cursor(11, 1, 0),  # after it
    Cursor(37, 3, 4),
    Cursor(65, 5, 10),
]


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


def run_alone(job: Job) -> tuple[dict[str, torch.Tensor], History]:
    journal = MemoryJournal()
    with machine(job.device, threads=1, seed=0):
        job.trainer(journal, NoStore(), Silent()).run()
    return job.module.state_dict(), History(journal.records)


def run_killed(make_job: MakeJob, folder: Path, place: Cursor) -> tuple[Any, History]:
    journal = MemoryJournal()
    job = make_job()
    with machine(job.device, threads=1, seed=0), pytest.raises(Killed):
        job.trainer(journal, KillsAt(folder, place), Silent()).run()
    _, tensors, document = checkpoints.load(folder)
    rest = MemoryJournal()
    job = make_job()
    with machine(job.device, threads=1, seed=0):
        torch.rand(3)  # the process that resumes has used its random numbers otherwise
        trainer = job.trainer(rest, NoStore(), Silent())
        trainer.load(tensors, document)
        trainer.run()
    kept = journal.records[: document["events"]["offset"]]
    return job.module.state_dict(), History([*kept, *rest.records])


@pytest.mark.parametrize("place", PLACES[1::2], ids=str)
def test_a_training_on_mixed_rows_killed_and_resumed_gives_the_same_bits(
    make_job: MakeJob, tmp_path: Path, place: Cursor
) -> None:
    def mixed(**changes: Any) -> Job:
        return make_job(mixup=0.4, accumulate=2, **changes)

    weights, history = run_alone(mixed())
    resumed, joined = run_killed(mixed, tmp_path, place)
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    assert (
        joined.series("loss") == history.series("loss") != run_alone(make_job())[1].series("loss")
    )


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_training_killed_and_resumed_gives_the_same_bits(
    make_job: MakeJob, tmp_path: Path, place: Cursor
) -> None:
    weights, history = run_alone(make_job())
    resumed_weights, resumed_history = run_killed(make_job, tmp_path, place)
    assert weights.keys() == resumed_weights.keys()
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)
    assert history == resumed_history


# What only some members or settings keep, beside every member at its defaults.
FURTHER: list[dict[str, Any]] = [
    {"optimizer": {"kind": "adam", "amsgrad": True}},
    {"optimizer": {"kind": "rmsprop", "centered": True, "momentum": 0.5}},
    {"optimizer": {"kind": "sgd", "momentum": 0.9}},
    {"optimizer": {"kind": "lookahead", "inner": {"kind": "sam", "inner": "muon"}}},
    {"optimizer": "adamw", "average_from": 2, "clip_norm": 0.0, "clip_adaptive": 0.1},
    {
        "optimizer": "adamw",
        "accumulate": 3,
        "parameter_groups": {
            "dense_0": {"frozen": True},
            "dense_3.bias": {"learning_rate_factor": 0.1, "orthogonal": 0.1, "l1": 0.01},
        },
    },
]


@pytest.mark.parametrize(
    "settings", [*({"optimizer": kind} for kind in OPTIMIZERS), *FURTHER], ids=str
)
def test_whatever_moves_the_weights_goes_on_with_the_same_bits(
    make_job: MakeJob, tmp_path: Path, settings: dict[str, Any]
) -> None:
    def make() -> Job:
        return make_job(**{"epochs": 3, "average_decay": 0.0, **settings})

    weights, history = run_alone(make())
    resumed_weights, resumed_history = run_killed(make, tmp_path, Cursor(15, 1, 4))
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)
    assert history == resumed_history
    start = make().module.state_dict()
    assert not all(torch.equal(weights[name], start[name]) for name in weights)


class SavesAt(FolderStore):
    """Saves at the given steps, besides at the start and the end."""

    def __init__(self, folder: Path, steps: set[int]) -> None:
        super().__init__(folder, seconds=1e9)
        self.steps = steps

    def most_steps(self, cursor: Cursor) -> int:
        return 1

    def due(self, cursor: Cursor) -> bool:
        return cursor.step in self.steps


def test_a_replay_between_two_checkpoints_is_exact(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job()
    with machine(job.device, threads=1, seed=0):
        job.trainer(MemoryJournal(), SavesAt(tmp_path, {20, 41}), Silent()).run()
    found = replay(make_job(), tmp_path, progress=Silent())
    assert found is not None
    assert (found.first_step, found.last_step) == (41, 66)
    assert found.is_exact


def test_a_replay_with_another_learning_rate_is_not_exact(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job()
    with machine(job.device, threads=1, seed=0):
        job.trainer(MemoryJournal(), SavesAt(tmp_path, {41}), Silent()).run()
    found = replay(make_job(learning_rate=0.011), tmp_path, progress=Silent())
    assert found is not None
    assert not found.is_exact
    assert "parameter/dense_0.weight" in found.differing


def test_a_replay_that_loses_the_random_state_is_not_exact(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job()
    with machine(job.device, threads=1, seed=0):
        job.trainer(MemoryJournal(), SavesAt(tmp_path, {41}), Silent()).run()
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    found = replay(make_job(), tmp_path, progress=Silent())
    assert found is not None
    assert "random/cpu" in found.differing
