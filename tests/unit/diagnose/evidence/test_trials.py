"""What trials came to, beside what the training itself came to."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ranvier.diagnose.evidence import Evidence, TrialFacts
from ranvier.diagnose.evidence.trials import AS_IT_IS, CLEAR, FLOOR, Trials
from ranvier.runs.history import History

INF, NAN = math.inf, math.nan
LOW, HIGH = "rate × 0.1", "rate × 10"


def trials(
    reached: float = 1.0, *, before: float | None = 1.0, updates: int = 200, **after: float | None
) -> Trials:
    """Trials of 100 updates; `as_it_is`, `low`, `high`, or any other name."""
    names = {"as_it_is": AS_IT_IS, "low": LOW, "high": HIGH}
    facts = [
        TrialFacts(name=names.get(name, name), updates=100, before=before, after=loss)
        for name, loss in after.items()
    ]
    return Trials(facts, reached, updates)


def test_a_gain_is_how_many_times_as_good_above_a_floor_of_the_first_loss() -> None:
    found = trials(1.0, before=2.0, low=0.4)
    assert found.gain(LOW) == pytest.approx((1.0 + 2.0 * FLOOR) / (0.4 + 2.0 * FLOOR))
    # Of two losses that are both next to nothing neither is better.
    assert trials(1e-3, low=1e-9).gain(LOW) == pytest.approx(1.0, abs=0.03)


def test_the_floor_is_of_the_least_loss_that_any_began_with() -> None:
    facts = [
        TrialFacts(name=AS_IT_IS, updates=100, before=50.0, after=50.0),
        TrialFacts(name=LOW, updates=100, before=1.0, after=0.0),
        TrialFacts(name=HIGH, updates=100, before=None, after=None),
    ]
    assert Trials(facts, 1.0, 200).gain(LOW) == pytest.approx((1.0 + FLOOR) / FLOOR)


@pytest.mark.parametrize("after", [2.0, None, INF, NAN])
def test_what_is_no_better_or_not_finite_gains_nothing(after: float | None) -> None:
    found = trials(1.0, as_it_is=1.0, low=after)
    assert found.gain(LOW) == found.of_change(LOW) == 1.0
    assert found.best is None and found.first_of((LOW,)) is None


def test_what_was_not_tried_gains_nothing() -> None:
    assert trials(1.0, low=0.1).gain("Adam") == 1.0
    assert trials(1.0, low=0.1).first_of(("Adam",)) is None


def test_without_trials_nothing_is_found() -> None:
    found = trials(1.0)
    assert not found
    assert found.best is None and found.first_of((LOW,)) is None
    assert not found.loop_is_at_fault and not found.was_cut_short
    assert trials(low=1.0)


def test_of_a_change_counts_what_the_trial_without_it_does_not_gain() -> None:
    found = trials(1.0, as_it_is=0.1, low=0.05)
    assert found.gain(LOW) > 5
    assert found.of_change(LOW) == pytest.approx((0.1 + FLOOR) / (0.05 + FLOOR))
    assert found.of_change(AS_IT_IS) == 1.0
    # Nor what the training itself came to without it.
    assert trials(0.05, as_it_is=1.0, low=0.05).of_change(LOW) == 1.0
    # Without such a trial only the training is there to compare with.
    assert trials(1.0, low=0.05).of_change(LOW) == pytest.approx((1 + FLOOR) / (0.05 + FLOOR))


def test_where_the_trial_without_a_change_overflowed_every_finite_one_gains_over_it() -> None:
    found = trials(1.0, as_it_is=None, low=0.1)
    assert found.of_change(LOW) == found.gain(LOW) > CLEAR


def test_the_best_is_the_change_that_gained_most_if_it_is_clear() -> None:
    assert trials(1.0, as_it_is=1.0, low=0.1, high=0.5).best == LOW
    assert trials(1.0, as_it_is=1.0, low=0.8).best is None
    # The trial without a change is no change.
    assert trials(1.0, as_it_is=0.01, low=0.5).best is None


def test_a_cause_is_the_best_of_its_changes_if_it_explains_most_of_what_was_gained() -> None:
    assert trials(1.0, as_it_is=1.0, low=0.1, high=0.3).first_of((HIGH, LOW)) == LOW
    # Half of the logarithm of the best gain is too little.
    weak = trials(1.0, as_it_is=1.0, low=(1 + FLOOR) / 2 - FLOOR, high=(1 + FLOOR) / 4.5 - FLOOR)
    assert weak.gain(LOW) == pytest.approx(2) and weak.gain(HIGH) == pytest.approx(4.5)
    assert weak.first_of((LOW,)) is None
    strong = trials(1.0, as_it_is=1.0, low=(1 + FLOOR) / 2 - FLOOR, high=(1 + FLOOR) / 2.5 - FLOOR)
    assert strong.first_of((LOW,)) == LOW


def test_what_an_unchanged_loop_gains_is_nobodys_cause() -> None:
    """The loop does something else than it says: the rate explains the lesser part of it."""
    found = trials(1.0, as_it_is=0.05, low=0.0)
    assert found.best == LOW
    assert found.first_of((LOW,)) is None
    assert found.loop_is_at_fault


@pytest.mark.parametrize("reached", [NAN, INF])
def test_against_a_training_that_overflowed_finite_trials_gain_without_bound(
    reached: float,
) -> None:
    found = trials(reached, as_it_is=None, low=0.1, high=None)
    assert found.gain(LOW) == INF and found.gain(HIGH) == 1.0
    assert found.of_change(LOW) == INF
    assert found.best == found.first_of((LOW, HIGH)) == LOW
    assert not found.loop_is_at_fault
    assert trials(reached, as_it_is=None, low=None).best is None
    assert trials(reached, as_it_is=0.1, low=0.1).loop_is_at_fault


def test_of_losses_below_zero_the_difference_counts() -> None:
    found = trials(-1.0, before=2.0, as_it_is=-1.0, low=-3.0, high=-0.5)
    floor = 2.0 * FLOOR
    assert found.gain(LOW) == pytest.approx((2.0 + floor) / floor)
    assert found.gain(HIGH) == 1.0
    assert found.best == LOW
    assert trials(1.0, before=2.0, low=-1.0).gain(LOW) == pytest.approx((2.0 + floor) / floor)
    assert trials(-2.0, before=-2.0, low=-2.01).gain(LOW) == pytest.approx(1.1)
    shifted = trials(-4.0, before=-4.0, low=-4.0)
    assert shifted.gain(LOW) == 1.0 and shifted.best is None


@pytest.mark.parametrize("before", [0.0, None])
def test_a_loss_that_began_at_nothing_divides_nothing_by_zero(before: float | None) -> None:
    found = trials(1.0, before=before, low=0.0)
    assert found.gain(LOW) > 10
    assert trials(0.0, before=before, low=0.0).gain(LOW) == 1.0


def test_the_loop_is_at_fault_where_the_same_comes_further_in_no_more_updates() -> None:
    assert trials(1.0, as_it_is=0.1, updates=100).loop_is_at_fault
    assert not trials(1.0, as_it_is=0.1, updates=99).loop_is_at_fault
    assert not trials(1.0, as_it_is=0.8, updates=100).loop_is_at_fault
    assert not trials(1.0, as_it_is=None, updates=100).loop_is_at_fault


def test_a_training_was_cut_short_where_the_same_comes_further_in_more_updates() -> None:
    assert trials(1.0, as_it_is=0.1, updates=99).was_cut_short
    assert not trials(1.0, as_it_is=0.1, updates=100).was_cut_short
    assert not trials(1.0, as_it_is=0.8, updates=50).was_cut_short
    assert not trials(1.0, as_it_is=None, updates=50).was_cut_short


@pytest.mark.parametrize("reached", [NAN, INF])
def test_what_overflowed_was_not_cut_short(reached: float) -> None:
    assert not trials(reached, as_it_is=0.1, updates=50).was_cut_short


def test_the_numbers_of_a_trial_are_its_own_and_the_trainings() -> None:
    assert trials(1.0, as_it_is=0.9, low=0.25).numbers(LOW) == {
        "trial": LOW,
        "trial_loss": 0.25,
        "trial_updates": 100,
        "loss": 1.0,
    }


def test_evidence_has_the_newest_trials_of_a_history_beside_its_last_loss() -> None:
    def record(after: float | None) -> dict[str, Any]:
        facts = {"name": LOW, "updates": 100, "before": 2.0, "after": after}
        return {"kind": "trials", "step": 40, "trials": [facts]}

    window = {"kind": "window", "step": 40, "loss": [0.5] * 40}
    found = Evidence(History([window, record(None), record(0.1)])).trials
    assert (found.reached, found.updates) == (0.5, 40)
    assert [each.after for each in found.facts] == [0.1]
    assert not Evidence(History([window])).trials
