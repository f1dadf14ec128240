"""A step that is not finite: gone back to, made again, named by operation, layer and rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import DivergedError
from ranvier.step import executors
from ranvier.step.state import named_trainable
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor, NoStore
from ranvier.train.trainer import Checkpoint, Trainer
from tests.unit.train.conftest import MakeJob


class Kept(NoStore):
    """Keeps in memory what is saved, every `every` updates."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.kept: list[tuple[int, Checkpoint]] = []

    def due(self, cursor: Cursor) -> bool:
        return cursor.step % self.every == 0

    def most_steps(self, cursor: Cursor) -> int:
        return self.every - cursor.step % self.every

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        self.kept.append((cursor.step, (copies, document)))

    def before(self, step: int) -> Checkpoint | None:
        earlier = [checkpoint for known, checkpoint in self.kept if known < step]
        return earlier[-1] if earlier else None


class Falls(nn.Module):
    """Takes the logarithm of a level that falls by every update until it is below nought."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(5.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + 0.0 * torch.log(self.level + inputs[:, :1])


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.falls = Falls()
        self.last = nn.Linear(6, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.falls(inputs))


def falling(make_job: MakeJob, *, every: int = 5, **settings: Any) -> Trainer:
    """A training whose weights decay until a logarithm gets numbers below 0."""
    given = {
        "optimizer": {"kind": "sgd", "weight_decay": 0.5},
        "weight_decay": 0.5,
        "learning_rate": 0.05,
        "schedule": "constant",
        "clip_norm": 0,
        "average_decay": 0,
        "epochs": 20,
        "parameter_groups": {"falls": {"weight_decay": 1.0}},
        **settings,
    }
    job = replace(make_job(**given), module=Network())
    numbers = np.arange(len(job.training)) + 1001
    job = replace(job, training=replace(job.training, numbers=numbers))
    store = Kept(every)
    trainer = job.trainer(MemoryJournal(), store, Silent())
    with machine(job.device, threads=1, seed=0), pytest.raises(DivergedError) as caught:
        trainer.run()
    trainer.said = str(caught.value)  # type: ignore[attr-defined]
    return trainer


def test_the_operation_the_layer_and_the_rows_are_named(make_job: MakeJob) -> None:
    trainer = falling(make_job)
    [record] = [r for r in trainer.journal.records if r["kind"] == "not_finite"]  # type: ignore[attr-defined]
    assert (record["operation"], record["layer"], record["phase"]) == ("log", "falls", "forward")
    assert record["rows"] and min(record["rows"]) > 1000
    # The rows named are those for which the logarithm has no value, at the weights of that step.
    inputs = trainer.training.inputs[np.array(record["rows"]) - 1001]
    level = named_trainable(trainer.executor.program.module)["falls.level"].detach()
    assert bool((level + inputs[:, 0] < 0).all())
    assert record["values"] == pytest.approx([float(level + inputs[0, 0])])
    said = trainer.said  # type: ignore[attr-defined]
    assert f"step {record['step']}: the loss is not finite (loss nan" in said
    assert "It begins with log of -" in said and "in falls, rows 1" in said


def test_the_trainer_is_left_at_the_last_good_step(make_job: MakeJob) -> None:
    trainer = falling(make_job)
    [record] = [r for r in trainer.journal.records if r["kind"] == "not_finite"]  # type: ignore[attr-defined]
    state = trainer.executor.state
    assert state.step == trainer.cursor.step == record["step"] - 1
    assert all(bool(torch.isfinite(p).all()) for p in state.parameters)


def test_no_checkpoint_holds_what_is_lost(make_job: MakeJob) -> None:
    store = falling(make_job).store
    assert isinstance(store, Kept)
    for _, (tensors, _) in store.kept:
        finite = [bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()]
        assert all(finite)


def test_an_exploding_rate_is_found_in_the_loss_or_the_layer_that_overflows(
    make_job: MakeJob,
) -> None:
    job = make_job(
        learning_rate=1e30, clip_norm=0, schedule="constant", optimizer="sgd", average_decay=0
    )
    journal = MemoryJournal()
    trainer = job.trainer(journal, Kept(3), Silent())
    with machine(job.device, threads=1, seed=0), pytest.raises(DivergedError, match="It begins"):
        trainer.run()
    [record] = [r for r in journal.records if r["kind"] == "not_finite"]
    assert record["layer"] in {
        "loss",
        *dict(job.module.named_modules()),
        *trainer.executor.state.names,
    }
    assert record["operation"]


def test_a_step_that_is_finite_the_second_time_says_so(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job()
    journal = MemoryJournal()
    trainer = job.trainer(journal, Kept(4), Silent())
    run = executors.Executor.run_rows
    spoilt = []

    def once(self: Any, rows: Any, bounds: Any, rates: Any) -> Any:
        scalars = run(self, rows, bounds, rates)
        if not spoilt and self.state.step > 10:
            spoilt.append(self.state.step)
            scalars.loss[-1] = float("nan")
        return scalars

    monkeypatch.setattr(type(trainer.executor), "run_rows", once)
    with (
        machine(job.device, threads=1, seed=0),
        pytest.raises(DivergedError, match="It did not show again: its numbers were finite"),
    ):
        trainer.run()
    [record] = [r for r in journal.records if r["kind"] == "not_finite"]
    assert record["operation"] is None and record["step"] == spoilt[0]


def test_without_a_checkpoint_the_step_alone_is_told(make_job: MakeJob) -> None:
    job = make_job(learning_rate=1e38, clip_norm=0, schedule="constant", optimizer="sgd")
    journal = MemoryJournal()
    with machine(job.device, threads=1, seed=0), pytest.raises(DivergedError) as caught:
        job.trainer(journal, NoStore(), Silent()).run()
    assert "It " not in str(caught.value)
    assert not [r for r in journal.records if r["kind"] == "not_finite"]


def test_evaluations_that_were_made_stay_made(make_job: MakeJob) -> None:
    # The only checkpoint is that of the first step, which knows of no evaluation.
    trainer = falling(make_job, every=10**6)
    epochs = [r for r in trainer.journal.records if r["kind"] == "epoch"]  # type: ignore[attr-defined]
    assert len(trainer.best.scores) == len(epochs) >= 1
    assert trainer.best.epoch == [r["epoch"] for r in epochs if r["best"]][-1]
    assert trainer.recorder.waiting == 0
