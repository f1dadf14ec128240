"""What is tried next, what is kept, when it ends: decided on plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ranvier.core.finding import Finding
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Dense, Network
from ranvier.train.healing.judgement import (
    MOST_INTERVENTIONS,
    epochs_left,
    has_helped,
    is_to_be_halted,
    judged,
    next_attempt,
    resumption,
)
from ranvier.train.healing.ledger import START, Attempt, Ending, Ledger, Place

NETWORK = Network(Dense(4, activation="relu"), Dense(2))
SETTINGS = TrainSettings(epochs=20, batch_size=8, learning_rate=1.0, loss={"kind": "cross_entropy"})
USUAL = TrainSettings(epochs=10)
ERROR = Finding("error", "divergence", "learning_rate", "the loss", "", number=10).to_json()
CONSEQUENCE = Finding(
    "information", "plateau", "learning_rate", "the loss", "", number=12, because="divergence"
).to_json()
GOOD_PLACE = Place(40, 5, {"segment": 1, "offset": 100})


@dataclass(frozen=True)
class Proposed:
    cure: str
    settings: TrainSettings
    network: Network = NETWORK
    keeps_weights: bool = False
    stands_out: bool = False
    words: str = "Changes something."


@dataclass(frozen=True)
class Doctor:
    """Proposes the same changes whatever is found."""

    changes: tuple[Proposed, ...] = ()
    further: tuple[Proposed, ...] = ()
    usual: TrainSettings = USUAL

    def findings(self, history: Any, *, is_over: bool) -> list[Finding]:
        raise NotImplementedError

    def pace(self, history: Any) -> float | None:
        raise NotImplementedError

    def is_good(self, history: Any) -> bool:
        raise NotImplementedError

    def proposals(self, finding: Finding, settings: Any, network: Any) -> Iterator[Proposed]:
        yield from self.changes

    def refinements(
        self, cure: str, pace: float | None, settings: Any, network: Any
    ) -> Iterator[Proposed]:
        yield from self.further


def ending(**fields: Any) -> Ending:
    given = {"reason": "finished", "place": Place(160, 20), "score": 1.0, "checkpoint": 160}
    return Ending(**{**given, **fields})


def first(**fields: Any) -> Ledger:
    """The ledger once the first attempt ended."""
    attempt = Attempt.of(SETTINGS, NETWORK, best=GOOD_PLACE)
    return judged(Ledger(attempts=(replace(attempt, ending=ending(**fields)),)))


def second(ledger: Ledger, doctor: Doctor, **fields: Any) -> Ledger:
    """The ledger once the next attempt ended too."""
    attempt = next_attempt(ledger, doctor)
    assert attempt is not None
    return judged(ledger.with_next(replace(attempt, ending=ending(**fields))))


def rate(value: float, **fields: Any) -> Proposed:
    return Proposed(f"rate {value}", replace(SETTINGS, learning_rate=value), **fields)


def test_a_training_without_an_error_is_left_alone() -> None:
    assert next_attempt(first(), Doctor((rate(0.1),))) is None


def test_the_first_change_that_was_not_tried_is_next() -> None:
    ledger, doctor = first(errors=(ERROR,)), Doctor((rate(0.1), rate(0.01)))
    attempt = next_attempt(ledger, doctor)
    assert attempt is not None and attempt.settings["learning_rate"] == 0.1
    undone = second(ledger, doctor, score=1.2, errors=(ERROR,))
    attempt = next_attempt(undone, doctor)
    assert attempt is not None and attempt.settings["learning_rate"] == 0.01


def test_settings_that_were_tried_never_come_again() -> None:
    doctor = Doctor((rate(0.1),))
    undone = second(first(errors=(ERROR,)), doctor, score=1.2, errors=(ERROR,))
    assert next_attempt(undone, doctor) is None
    back = Doctor((Proposed("as it was", SETTINGS),))
    assert next_attempt(first(errors=(ERROR,)), back) is None


def test_what_stands_out_comes_first() -> None:
    doctor = Doctor((rate(0.1), rate(0.01, stands_out=True)))
    attempt = next_attempt(first(errors=(ERROR,)), doctor)
    assert attempt is not None and attempt.settings["learning_rate"] == 0.01


def test_what_helped_is_kept_and_what_did_not_is_undone() -> None:
    ledger, doctor = first(errors=(ERROR,)), Doctor((rate(0.1), rate(0.01)))
    kept = second(ledger, doctor, score=0.5)
    assert kept.incumbent == 1 and kept.interventions[0]["outcome"] == "helped"
    undone = second(ledger, doctor, score=1.1, errors=(ERROR,))
    assert undone.incumbent == 0 and undone.interventions[0]["outcome"] == "undone"


def test_an_intervention_says_what_changed_from_where_and_what_came_of_it() -> None:
    ledger = second(first(errors=(ERROR,)), Doctor((rate(0.1),)), score=0.5)
    told = ledger.interventions[0]
    assert (told["before"], told["after"]) == ({"learning_rate": 1.0}, {"learning_rate": 0.1})
    assert (told["symptom"], told["number"], told["step"], told["epoch"]) == (
        "divergence", 10, 160, 20,
    )  # fmt: skip
    assert (told["score_before"], told["score_after"]) == (1.0, 0.5)


def test_interventions_are_bounded() -> None:
    doctor = Doctor(tuple(rate(0.5**k) for k in range(1, 20)))
    ledger = first(errors=(ERROR,), place=Place(8, 1))
    for _ in range(MOST_INTERVENTIONS):
        ledger = second(ledger, doctor, score=1.2, errors=(ERROR,), place=Place(8, 1))
    assert next_attempt(ledger, doctor) is None


def test_no_attempt_begins_that_could_take_more_than_twice_the_epochs() -> None:
    doctor = Doctor((rate(0.1), rate(0.01), rate(0.001)))
    ledger = first(errors=(ERROR,))
    assert epochs_left(ledger, doctor) == 40
    ledger = second(ledger, doctor, score=1.2, errors=(ERROR,))
    ledger = second(ledger, doctor, score=1.2, errors=(ERROR,))
    assert epochs_left(ledger, doctor) == 0
    assert next_attempt(ledger, doctor) is None


def test_epochs_are_those_the_data_would_get_where_few_were_asked_for() -> None:
    usual = TrainSettings(epochs=100)
    assert epochs_left(first(errors=(ERROR,)), Doctor(usual=usual)) == 200


def test_good_weights_are_kept_where_the_cure_leaves_them_their_meaning() -> None:
    halted = {"reason": "halted", "errors": (ERROR,)}
    keeping, anew = Doctor((rate(0.1, keeps_weights=True),)), Doctor((rate(0.1),))
    kept = next_attempt(first(**halted, good=True), keeping)
    assert kept is not None and kept.start == GOOD_PLACE
    for ledger, doctor in (
        (first(**halted, good=True), anew),
        (first(**halted, good=False), keeping),
    ):
        attempt = next_attempt(ledger, doctor)
        assert attempt is not None and attempt.start == START


def test_batches_of_another_size_begin_at_the_first_step() -> None:
    larger = Proposed("larger", replace(SETTINGS, batch_size=16), keeps_weights=True)
    attempt = next_attempt(first(reason="halted", errors=(ERROR,), good=True), Doctor((larger,)))
    assert attempt is not None and attempt.start == START


def test_a_cure_that_helped_is_taken_further_once_nothing_is_wrong() -> None:
    doctor = Doctor((rate(0.1),), further=(rate(0.01),))
    ledger = second(first(errors=(ERROR,)), doctor, score=0.5)
    attempt = next_attempt(ledger, doctor)
    assert attempt is not None and attempt.settings["learning_rate"] == 0.01


def test_a_little_gain_is_not_kept_where_errors_are_left() -> None:
    ledger, doctor = first(errors=(ERROR,)), Doctor((rate(0.1),))
    assert second(ledger, doctor, score=0.97, errors=(ERROR,)).incumbent == 0
    assert second(ledger, doctor, score=0.90, errors=(ERROR,)).incumbent == 1


def test_losses_of_two_kinds_are_compared_by_the_metric() -> None:
    squares = replace(SETTINGS, loss={"kind": "mean_squared_error"})
    old = Attempt.of(squares, NETWORK, ending=ending(score=0.1, metric=0.5, errors=(ERROR,)))
    better = Attempt.of(SETTINGS, NETWORK, ending=ending(score=0.9, metric=0.8, errors=(ERROR,)))
    worse = Attempt.of(SETTINGS, NETWORK, ending=ending(score=0.01, metric=0.4, errors=(ERROR,)))
    assert has_helped(better, old)
    assert not has_helped(worse, old)


def test_an_attempt_that_overflows_is_no_gain_over_one_that_trained() -> None:
    old = Attempt.of(SETTINGS, NETWORK, ending=ending(errors=(ERROR,)))
    new = Attempt.of(SETTINGS, NETWORK, ending=ending(reason="diverged", score=0.1))
    assert not has_helped(new, old)


def test_an_attempt_that_cannot_be_is_no_intervention() -> None:
    doctor = Doctor((rate(0.1), rate(0.01)))
    ledger = first(errors=(ERROR,))
    ledger = second(ledger, doctor, reason="impossible", place=START, score=None)
    assert ledger.interventions == () and ledger.incumbent == 0
    attempt = next_attempt(ledger, doctor)
    assert attempt is not None and attempt.settings["learning_rate"] == 0.01


def test_an_attempt_is_halted_after_a_fifth_of_it_and_two_alarms() -> None:
    attempt = Attempt.of(SETTINGS, NETWORK, alarms=2)
    assert not is_to_be_halted(attempt, 3)
    assert is_to_be_halted(attempt, 4)
    assert not is_to_be_halted(replace(attempt, alarms=1), 10)


def test_the_best_attempt_is_taken_up_where_it_ended_and_left_alone() -> None:
    ledger = first(reason="halted", errors=(ERROR,))
    attempt = resumption(ledger)
    assert (attempt.start, attempt.lets_be, attempt.ending) == (Place(160, 20), True, None)
    gone = first(reason="diverged", errors=(ERROR,))
    assert resumption(replace_best(gone)).start == START


def replace_best(ledger: Ledger) -> Ledger:
    """The same of a training that was never evaluated."""
    return ledger.with_current(best=None)


def test_consequences_are_looked_at_with_their_cause() -> None:
    assert [f.number for f in ending(errors=(ERROR,), others=(CONSEQUENCE,)).to_be_cured] == [
        10,
        12,
    ]


def test_the_ledger_is_the_same_again_from_its_document() -> None:
    ledger = second(first(errors=(ERROR,)), Doctor((rate(0.1),)), score=0.5)
    assert Ledger.from_json(ledger.to_json()) == ledger
    assert Ledger.from_json(ledger.to_json()).current.regimen == ledger.current.regimen
