"""Runs that heal themselves: what is kept, what is undone, and that it stays exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import ranvier as rv
from ranvier import api
from ranvier.core.errors import PreflightError
from ranvier.core.finding import Finding
from ranvier.diagnose.cures import Practice
from ranvier.runs import checkpoints
from ranvier.train.evaluate import Evaluator
from ranvier.train.healing.judgement import MOST_INTERVENTIONS
from ranvier.train.healing.store import AttemptStore
from ranvier.train.progress import Silent

ROWS = 600
SETTINGS: dict[str, Any] = {
    "target": "y",
    "epochs": 15,
    "batch_size": 16,
    "threads": 1,
    "statistics_every": 8,
    "heal": True,
}
ADAM = {"kind": "adam", "learning_rate": 0.01}
TOO_HIGH = {"kind": "adam", "learning_rate": 1.0}
# A rate that is right for two fifths of the training, and a hundred times as high after.
LATE: dict[str, Any] = {
    "optimizer": {"kind": "sgd", "learning_rate": 2.0, "momentum": 0.9},
    "schedule": {"kind": "piecewise", "boundaries": [0.4], "values": [0.01, 1.0]},
    "epochs": 20,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table that a small network learns well and a spoilt one does not learn at all."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(ROWS, 6)).round(4)
    angle = np.arctan2(numbers[:, 0] + 0.3 * numbers[:, 2], numbers[:, 1])
    labels = np.digitize(angle, [-2.0, -1.0, 0.0, 1.0, 2.0])
    path = tmp_path_factory.mktemp("data") / "table.csv"
    columns = {f"x{i}": column for i, column in enumerate(numbers.T)}
    polars.DataFrame({**columns, "y": [f"class {label}" for label in labels]}).write_csv(path)
    return path


def network() -> rv.Network:
    return rv.Network(*[rv.Dense(24, activation="relu")] * 2, rv.Dense(6))


def trained(source: Path, out: Path, **changes: Any) -> api.Run:
    net = changes.pop("network", network())
    return rv.train(net, source, out=out, **{"optimizer": ADAM, **SETTINGS, **changes})


def accuracy(run: api.Run) -> float:
    return run.metrics["test"]["accuracy"]


def cures(run: api.Run) -> list[tuple[str, str]]:
    return [(each["cure"], each["outcome"]) for each in run.summary["interventions"]]


@pytest.fixture(scope="module")
def twin(source: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    """The healthy training, without healing."""
    return trained(source, tmp_path_factory.mktemp("twin") / "run", heal=False)


@pytest.fixture(scope="module")
def late(source: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    """A training that goes wrong after it had learnt something, healed."""
    return trained(source, tmp_path_factory.mktemp("late") / "run", **LATE)


@pytest.fixture(scope="module")
def healed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    """A training at a hundred times the rate, healed."""
    return trained(source, tmp_path_factory.mktemp("healed") / "run", optimizer=TOO_HIGH)


def test_a_rate_a_hundred_times_too_high_ends_within_two_points_of_its_twin(
    twin: api.Run, healed: api.Run
) -> None:
    assert accuracy(healed) >= accuracy(twin) - 0.02
    assert healed.summary["changed"]["learning_rate"] < TOO_HIGH["learning_rate"] / 5
    assert not [f for f in healed.findings if f.severity == "error"]


def test_a_healthy_run_is_the_same_bit_for_bit_with_healing(
    source: Path, twin: api.Run, tmp_path: Path
) -> None:
    run = trained(source, tmp_path / "run")
    assert weights_of(run) == weights_of(twin)
    assert run.history == twin.history
    assert run.summary["interventions"] == []
    assert run.metrics == twin.metrics


def test_every_intervention_stands_in_the_events_and_in_the_summary(healed: api.Run) -> None:
    told = healed.summary["interventions"]
    assert told
    assert healed.history.of("intervention") == told
    first = told[0]
    assert first["before"] == {"learning_rate": 1.0} | (
        {"clip_norm": 0.0} if "clip_norm" in first["before"] else {}
    )
    assert first["after"]["learning_rate"] < first["before"]["learning_rate"]
    wanted = {"step", "epoch", "symptom", "number", "cure", "words", "outcome", "back_to"}
    assert wanted <= first.keys()


def test_what_was_asked_for_stays_in_run_json(healed: api.Run) -> None:
    assert healed.document["settings"]["learning_rate"] == 1.0


def test_healing_is_bounded_and_never_tries_the_same_twice(healed: api.Run) -> None:
    assert len(healed.summary["interventions"]) <= MOST_INTERVENTIONS
    _, _, document = checkpoints.load(healed.folder.checkpoints)
    attempts = document["healing"]["attempts"]
    tried = [str((each["settings"], each["network"])) for each in attempts if each["cure"]]
    assert len(set(tried)) == len(tried)


def test_a_healed_run_is_proved_exact(healed: api.Run) -> None:
    assert api.verify(healed.path).is_whole


def test_a_network_that_was_changed_is_the_one_that_is_loaded(source: Path, tmp_path: Path) -> None:
    doubled = rv.Network(rv.Dense(24, activation="relu"), rv.Dense(6, activation="softmax"))
    run = trained(source, tmp_path / "run", network=doubled)
    assert cures(run)[0] == ("logits", "helped")
    again = rv.load(tmp_path / "run")
    assert again.network == rv.Network(rv.Dense(24, activation="relu"), rv.Dense(6))
    assert again.evaluate(source)["accuracy"] > 0.8


def test_settings_of_the_last_attempt_are_proved_not_those_asked_for(
    source: Path, tmp_path: Path
) -> None:
    decayed = {"kind": "adamw", "learning_rate": 0.01, "weight_decay": 50.0}
    run = trained(source, tmp_path / "run", optimizer=decayed)
    assert cures(run)[0] == ("less_decay", "helped")
    verdict = api.verify(run.path)
    assert verdict.replay is not None and verdict.replay.is_exact
    assert verdict.replay.last_step == run.summary["steps"]


def test_shuffled_labels_end_as_they_would_have_and_say_that_no_cure_helped(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = polars.read_csv(source)
    order = np.random.default_rng(1).permutation(len(table))
    spoilt = table.with_columns(table["y"].gather(order))
    settings: dict[str, Any] = {"optimizer": {"kind": "adam", "learning_rate": 1e-3}, "epochs": 10}
    alone = trained(spoilt, tmp_path / "alone", heal=False, **settings)
    nothing_learnt = Finding("error", "plateau", "learning_rate", "the loss", "", number=12)
    monkeypatch.setattr(Practice, "findings", lambda self, history, is_over: [nothing_learnt])
    said: list[str] = []
    run = trained(spoilt, tmp_path / "run", progress=Listening(said), **settings)
    assert cures(run)
    assert all(outcome == "undone" for _, outcome in cures(run))
    assert run.summary["changed"] == {}
    assert "healing: there is no further cure to try for: plateau" in said
    assert weights_of(run) == weights_of(alone)


def test_a_refusal_of_preflight_stands_where_nothing_can_be_changed(
    source: Path, tmp_path: Path
) -> None:
    blind = rv.Network(rv.Rescaling(0.0), rv.Dense(24, activation="relu"), rv.Dense(6))
    with pytest.raises(PreflightError, match="before the first update"):
        trained(source, tmp_path / "run", network=blind)


def test_the_test_rows_are_not_looked_at_before_the_end(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    answer = Evaluator.answer

    def listening(self: Evaluator, inputs: Any) -> Any:
        seen.append(len(inputs))
        return answer(self, inputs)

    monkeypatch.setattr(Evaluator, "answer", listening)
    run = trained(source, tmp_path / "run", optimizer=TOO_HIGH)
    assert run.summary["interventions"]
    # Attempts measure with `measure`; rows are answered for the verdict alone, each part once.
    assert sorted(seen) == sorted(run.summary["rows"].values())


def test_what_was_learnt_before_a_late_fault_is_gone_back_to(late: api.Run) -> None:
    first = late.summary["interventions"][0]
    assert 0 < first["back_to"]["epoch"] < first["epoch"]
    assert [each["epoch"] for each in late.history.epochs] == list(range(1, 21))
    losses = [each["validation"]["loss"] for each in late.history.epochs]
    assert all(loss is not None for loss in losses)
    assert late.metrics["validation"]["accuracy"] > 0.8
    assert api.verify(late.path).is_whole


@pytest.mark.parametrize(("name", "save"), [("healed", k) for k in (1, 4, 9)] + [("late", 12)])
def test_a_healed_run_that_is_killed_and_resumed_gives_the_same_bits(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    name: str,
    save: int,
) -> None:
    alone: api.Run = request.getfixturevalue(name)
    settings = LATE if name == "late" else {"optimizer": TOO_HIGH}
    with monkeypatch.context() as patch:
        dies_at(save, patch)
        with pytest.raises(Killed):
            trained(source, tmp_path / "run", **settings)
    run = rv.resume(tmp_path / "run")
    assert weights_of(run) == weights_of(alone)
    assert run.history == alone.history
    assert run.summary["interventions"] == alone.summary["interventions"]
    assert run.metrics == alone.metrics


class Killed(Exception):
    """Stands for kill -9: nothing runs after it."""


def dies_at(save: int, patch: pytest.MonkeyPatch) -> None:
    """Save in the middle of every epoch too, and die right after so many checkpoints."""
    saves: list[int] = []
    original = AttemptStore.save

    def dying(self: AttemptStore, *arguments: Any) -> None:
        original(self, *arguments)
        saves.append(1)
        if len(saves) == save:
            raise Killed

    patch.setattr(AttemptStore, "save", dying)
    patch.setattr(AttemptStore, "most_steps", lambda self, cursor: 1)
    patch.setattr(AttemptStore, "due", lambda self, cursor: cursor.step_in_epoch == 11)


def weights_of(run: api.Run) -> bytes:
    return (run.path / "model" / "weights.safetensors").read_bytes()


class Listening(Silent):
    """Progress that keeps what is said."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def say(self, line: str) -> None:
        self._said.append(line)
