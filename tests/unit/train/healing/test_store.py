"""Checkpoints of several attempts in one folder: the newest has the highest number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ranvier.runs import checkpoints
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Dense, Network
from ranvier.train.healing.ledger import START, Attempt, Ending, Ledger, Place
from ranvier.train.healing.store import AttemptStore, in_force, trainings
from ranvier.train.store import Cursor

NETWORK = Network(Dense(2))
SETTINGS = TrainSettings(epochs=10, learning_rate=1.0)
LOWER = replace(SETTINGS, learning_rate=0.1)


def ledger_of(*attempts: Attempt, incumbent: int | None = None) -> Ledger:
    return Ledger(attempts=attempts, incumbent=incumbent)


def saved(folder: Path, ledger: Ledger, *steps: int) -> None:
    store = AttemptStore(folder, seconds=0.0, ledger=lambda: ledger)
    for step in steps:
        store.save(Cursor(step, step // 10, 0), {"x": torch.ones(1)}, {"finished": None})


def test_steps_that_are_taken_again_have_higher_numbers(tmp_path: Path) -> None:
    first = Attempt.of(SETTINGS, NETWORK)
    saved(tmp_path, ledger_of(first), 0, 10, 20)
    saved(tmp_path, ledger_of(first, Attempt.of(LOWER, NETWORK, first=21)), 0, 10)
    assert checkpoints.steps(tmp_path) == [21, 31]


def test_an_attempt_that_goes_on_from_a_place_is_numbered_from_there(tmp_path: Path) -> None:
    later = Attempt.of(LOWER, NETWORK, first=50, start=Place(100, 10))
    saved(tmp_path, ledger_of(Attempt.of(SETTINGS, NETWORK), later), 100, 110)
    assert checkpoints.steps(tmp_path) == [50, 60]


def test_what_may_be_gone_back_to_stays_with_what_came_before_it(tmp_path: Path) -> None:
    first = Attempt.of(SETTINGS, NETWORK)
    saved(tmp_path, ledger_of(first), 0, 10, 20)
    ended = replace(first, ending=Ending(reason="halted", place=Place(20, 2), checkpoint=20))
    second = Attempt.of(LOWER, NETWORK, first=21)
    saved(tmp_path, ledger_of(ended, second, incumbent=0), 0, 10, 20, 30)
    assert checkpoints.steps(tmp_path) == [10, 20, 41, 51]


def test_the_newest_checkpoint_says_what_is_in_force(tmp_path: Path) -> None:
    assert in_force(tmp_path) is None
    first = Attempt.of(SETTINGS, NETWORK)
    saved(tmp_path, ledger_of(first, Attempt.of(LOWER, NETWORK, first=1)), 0)
    assert in_force(tmp_path) == (LOWER, NETWORK)


def test_an_attempt_taken_up_is_the_same_training_as_the_one_that_ended() -> None:
    first = Attempt.of(SETTINGS, NETWORK)
    cured = Attempt.of(LOWER, NETWORK, parent=0, cure="lower_learning_rate", start=START)
    again = Attempt.of(LOWER, NETWORK, parent=1, start=Place(20, 2), lets_be=True)
    assert trainings({"healing": ledger_of(first, cured).to_json()}) == {1}
    assert trainings({"healing": ledger_of(first, cured, again).to_json()}) == {1, 2}
    assert trainings({}) == {0}
