"""What a healing acts on: errors of rules, and at the end what learnt nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.core.finding import Finding
from ranvier.diagnose.cures import Practice
from ranvier.diagnose.cures.suspicion import suspected
from ranvier.diagnose.evidence import Evidence
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Dense, Network

ADAM = {"kind": "adam", "learning_rate": 1e-3}
USUAL = TrainSettings(learning_rate=1e-3, optimizer=ADAM, schedule={"kind": "cosine"}, epochs=10)
PRACTICE = Practice(USUAL)
NETWORK = Network(Dense(4, activation="relu"), Dense(2))
DEAD = Finding("warning", "dead units", "activation", "dense_0", "", number=4)


def history(losses: Any, *, trivial: float | None = 1.0, **more: Any) -> History:
    """A training of these losses, one an update."""
    values = [float(loss) for loss in losses]
    facts = {"loss": {"kind": "cross_entropy", "initial": values[0], "trivial": trivial}}
    records: list[dict[str, Any]] = [
        {"kind": "preflight", **facts, **more},
        {"kind": "window", "step": len(values), "loss": values},
    ]
    return History(records)


def numbers(findings: Any) -> list[int]:
    return [finding.number for finding in findings if finding.severity == "error"]


def test_a_loss_that_ends_where_a_constant_answer_does_has_learnt_nothing() -> None:
    flat = history(np.linspace(1.0, 0.97, 200))
    assert numbers(suspected(Evidence(flat), [])) == [13]
    learnt = history(np.linspace(1.0, 0.3, 200))
    assert numbers(suspected(Evidence(learnt), [])) == []


def test_a_warning_counts_as_an_error_where_little_was_learnt() -> None:
    little, much = history(np.linspace(1.0, 0.7, 200)), history(np.linspace(1.0, 0.1, 200))
    assert numbers(suspected(Evidence(little), [DEAD])) == [4]
    assert numbers(suspected(Evidence(much), [DEAD])) == []


def test_few_updates_are_too_few_only_while_the_loss_falls() -> None:
    falling, still = history(np.linspace(1.0, 0.3, 40)), history([0.5] * 40)
    assert numbers(suspected(Evidence(falling), [])) == [43]
    assert numbers(suspected(Evidence(still), [])) == []


def test_nothing_is_suspected_of_a_training_that_goes_on() -> None:
    flat = history(np.linspace(1.0, 0.97, 200))
    assert 13 in numbers(PRACTICE.findings(flat, is_over=True))
    assert 13 not in numbers(PRACTICE.findings(flat, is_over=False))


def test_what_a_clock_had_a_say_in_decides_nothing() -> None:
    losses = np.linspace(1.0, 0.97, 200)
    slow = {"probes": {"overfit_from": 1.0, "overfit_loss": 0.9, "overfit_accuracy": 0.2}}
    one, other = history(losses, seconds=1.0, **slow), history(losses, seconds=9.0)
    assert PRACTICE.findings(one, is_over=True) == PRACTICE.findings(other, is_over=True)


def test_too_little_to_tell_is_not_worth_going_back_to() -> None:
    assert not PRACTICE.is_good(history(np.linspace(1.0, 0.5, 20)))
    assert PRACTICE.is_good(history(np.linspace(1.0, 0.3, 200)))
    assert not PRACTICE.is_good(history([1.0] * 200))


def rates(cure: str, pace: float | None) -> list[float | None]:
    found = PRACTICE.refinements(cure, pace, USUAL, NETWORK)
    return [proposal.settings.learning_rate for proposal in found]


def test_a_rate_is_taken_further_upwards_first_where_weights_move_slowly() -> None:
    assert rates("usual_optimizer", 1e-4) == [1e-2, 1e-4]
    assert rates("usual_optimizer", 1e-2) == [1e-4, 1e-2]
    assert rates("logits", 1e-2) == []


def test_a_refinement_begins_at_the_first_step() -> None:
    found = PRACTICE.refinements("lower_learning_rate", None, USUAL, NETWORK)
    assert not any(proposal.keeps_weights for proposal in found)
