"""The loop: what it records, when it stops, and what it leaves in the network."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import torch

from ranvier.core.errors import ConfigError, DivergedError, StoppedError, UnknownNameError
from ranvier.runs.history import History
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor, NoStore
from ranvier.train.trainer import Outcome
from tests.unit.train.conftest import MakeJob


def train(job: Job, store: Any = None) -> tuple[Outcome, History]:
    journal = MemoryJournal()
    with machine(job.device, threads=1, seed=0):
        outcome = job.trainer(journal, store or NoStore(), Silent()).run()
    return outcome, History(journal.records)


def test_training_lowers_the_loss_and_counts_its_steps(make_job: MakeJob) -> None:
    outcome, history = train(make_job(epochs=15))
    losses = history.series("train.loss")
    assert outcome.reason == "all epochs"
    assert outcome.step == 15 * 11  # 330 rows in batches of 32
    assert losses[-1] < 0.75 * losses[0]
    assert history.epochs[-1]["validation"]["accuracy"] > 0.75


def test_every_step_is_recorded_once(make_job: MakeJob) -> None:
    _, history = train(make_job())
    assert len(history.series("loss")) == 66
    assert len(history.series("gradient_norm")) == 66
    assert [look["step"] for look in history.of("weights")] == [*range(1, 67, 7)]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(make_job: MakeJob) -> None:
    one, again, other = make_job(), make_job(), make_job(seed=1)
    histories = [train(job)[1] for job in (one, again, other)]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]
    assert torch.equal(one.module.dense_0.weight, again.module.dense_0.weight)


def test_the_best_weights_come_back_after_early_stopping(make_job: MakeJob) -> None:
    job = make_job(epochs=200, patience=5, learning_rate=0.05, schedule="constant")
    outcome, history = train(job)
    assert outcome.reason == "no gain"
    assert outcome.epochs == outcome.best_epoch + 5
    best = min(epoch["validation"]["loss"] for epoch in history.epochs)
    assert job.validation is not None
    assert job.evaluator().measure(job.validation)["loss"] == pytest.approx(best, abs=0)


def test_a_score_is_watched_upwards(make_job: MakeJob) -> None:
    outcome, history = train(make_job(metric="accuracy", epochs=12))
    accuracies = history.series("validation.accuracy")
    assert accuracies[outcome.best_epoch - 1] == max(accuracies)


def test_the_last_epoch_is_kept_where_that_is_asked_for(make_job: MakeJob) -> None:
    outcome, _ = train(make_job(metric="last", epochs=7))
    assert outcome.best_epoch == outcome.epochs == 7


def test_an_unknown_metric_to_watch_offers_the_nearest(make_job: MakeJob) -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy'. Did you mean 'accuracy'"):
        train(make_job(metric="acuracy"))


def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(make_job: MakeJob) -> None:
    job = make_job(learning_rate=1e38, clip_norm=0, schedule="constant", optimizer="sgd")
    with pytest.raises(DivergedError) as caught:
        train(job)
    assert "not finite" in str(caught.value)
    assert "Lower learning_rate from 1e+38" in str(caught.value)


class Signals(NoStore):
    """Sends this process a signal after some steps, and counts what is saved."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.saved: list[Cursor] = []

    def most_steps(self, cursor: Cursor) -> int:
        return 1

    def due(self, cursor: Cursor) -> bool:
        if cursor.step == 17:
            os.kill(os.getpid(), self.number)
        return False

    def save(self, cursor: Cursor, tensors: Any, document: dict[str, Any]) -> None:
        self.saved.append(cursor)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint_and_stops(
    make_job: MakeJob, number: int, exit_code: int
) -> None:
    store = Signals(number)
    with pytest.raises(StoppedError, match="stopped after 18 steps") as caught:
        train(make_job(), store)
    assert caught.value.exit_code == exit_code
    assert store.saved[-1] == Cursor(18, 1, 7)
    assert signal.getsignal(number) is not None


def test_without_validation_the_last_weights_are_kept(make_job: MakeJob) -> None:
    job = make_job()
    object.__setattr__(job, "validation", None)
    outcome, history = train(job)
    assert outcome.best_epoch == 6
    assert all(epoch["validation"] == {} for epoch in history.epochs)


def test_training_leaves_the_random_state_and_the_threads_alone(make_job: MakeJob) -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train(make_job())
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads


def test_frozen_parameters_come_out_as_they_went_in(make_job: MakeJob) -> None:
    job = make_job(parameter_groups={"dense_0": {"frozen": True}})
    start = job.module.dense_0.weight.clone()
    train(job)
    assert torch.equal(job.module.dense_0.weight, start)
    assert not torch.equal(job.module.dense_3.weight, make_job().module.dense_3.weight)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"parameter_groups": {"dense_9": {"frozen": True}}},
            "parameter_groups: no parameter fits 'dense_9'. Did you mean 'dense_",
        ),
        ({"clip_value": 0.5}, "got 2 ways to clip: clip_norm=1.0, clip_value=0.5; expected one."),
        ({"optimizer": "asgd"}, "asgd keeps an average of its own to predict with"),
        ({"average_from": 2}, "got 2 averages: average_decay=0.9, average_after=11"),
        ({"parameter_groups": {"*": {"frozen": True}}}, "no parameter is left to train"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_refused_before_anything_is_written(
    make_job: MakeJob, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_job(**settings).check()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        {"average_from": 4},
        {"optimizer": "schedule_free_adamw", "schedule": "constant"},
        {"optimizer": {"kind": "lookahead", "inner": "adamw"}},
    ],
    ids=str,
)
def test_the_weights_that_predict_are_measured_and_kept(
    make_job: MakeJob, settings: dict[str, Any]
) -> None:
    job = make_job(**{"average_decay": 0.0, "epochs": 8, **settings})
    outcome, history = train(job)
    assert job.validation is not None
    measured = history.epochs[outcome.best_epoch - 1]["validation"]["loss"]
    assert job.evaluator().measure(job.validation)["loss"] == pytest.approx(measured, abs=0)
    assert measured < 0.9 * history.epochs[0]["validation"]["loss"]
