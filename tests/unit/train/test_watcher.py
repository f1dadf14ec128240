"""Somebody who reads along: what is told when, what is kept, and what ends a training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from ranvier.core.errors import DivergedError
from ranvier.core.finding import Finding
from ranvier.runs.history import History
from ranvier.train import journal as journals
from ranvier.train.journal import MemoryJournal, RememberingJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore
from ranvier.train.trainer import Trainer
from tests.unit.train.conftest import MakeJob


class Notes:
    """Notes what it is told, and ends the training at an epoch if asked to."""

    def __init__(self, *, ends_after: int | None = None) -> None:
        self.ends_after = ends_after
        self.epochs: list[int] = []
        self.updates: list[int] = []
        self.diverged_at: list[str] = []

    def evaluated(self, trainer: Trainer) -> None:
        history = trainer.history
        self.epochs.append(history.epochs[-1]["epoch"])
        self.updates.append(len(history.series("loss")))
        if self.ends_after == len(self.epochs):
            raise InterruptedError("enough")

    def diverged(self, trainer: Trainer, error: DivergedError) -> None:
        self.diverged_at.append(str(error))

    def concluded(self, history: History) -> Sequence[Finding]:
        return ()


def watched(make_job: MakeJob, watcher: Notes, **settings: object) -> MemoryJournal:
    job, journal = make_job(**settings), MemoryJournal()
    with machine(job.device, threads=1, seed=0):
        job.trainer(journal, NoStore(), Silent(), watcher=watcher).run()
    return journal


def test_every_evaluation_is_told_with_all_records_up_to_it(make_job: MakeJob) -> None:
    notes = Notes()
    watched(make_job, notes, epochs=4)
    assert notes.epochs == [1, 2, 3, 4]
    assert notes.updates == [11, 22, 33, 44]


def test_what_a_watcher_raises_ends_the_training_there(make_job: MakeJob) -> None:
    notes = Notes(ends_after=2)
    with pytest.raises(InterruptedError, match="enough"):
        watched(make_job, notes, epochs=4)
    assert notes.epochs == [1, 2]


def test_a_watcher_is_told_of_what_diverged_before_the_error_goes_on(make_job: MakeJob) -> None:
    notes = Notes()
    with pytest.raises(DivergedError) as caught:
        watched(
            make_job, notes, learning_rate=1e38, clip_norm=0, schedule="constant", optimizer="sgd"
        )
    assert notes.diverged_at == [str(caught.value)]


def test_watching_changes_no_number(make_job: MakeJob) -> None:
    plain, seen = MemoryJournal(), watched(make_job, Notes(), epochs=3)
    job = make_job(epochs=3)
    with machine(job.device, threads=1, seed=0):
        job.trainer(plain, NoStore(), Silent()).run()
    assert History(seen.records) == History(plain.records)


def test_every_update_is_kept_and_looks_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MOST_LOOKS", 8)
    inner = MemoryJournal()
    journal = RememberingJournal(inner)
    for step in range(100):
        journal.append("window", {"step": step, "loss": [float(step), None]})
        journal.append("weights", {"step": step, "norm": [1.0]})
        journal.append("distributions", {"step": step})
    history = journal.history
    assert len(inner.records) == 300
    losses = [value for window in history.windows for value in window["loss"]]
    assert len(losses) == 200 and losses[0] == 0.0 and math.isnan(losses[1])
    steps = [look["step"] for look in history.of("weights")]
    assert 4 <= len(steps) <= 8 and steps[0] == 0
    assert len(set(np.diff(steps).tolist())) == 1
    assert not history.of("distributions")
