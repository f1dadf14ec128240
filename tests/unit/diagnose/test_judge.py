"""The cause comes first, and what follows from it is folded under it."""

from __future__ import annotations

import pytest

from ranvier.core.finding import Category, Finding, Severity
from ranvier.diagnose import rules  # noqa: F401  # which registers every rule
from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.judge import judged, stage_of
from ranvier.diagnose.symptom import RULES, Stage
from tests.unit.diagnose.histories import STUCK

# One symptom of each stage.
UNSCALED_INPUT, FROZEN, FAR_START, TOO_MUCH_DECAY = 24, 15, 23, 44
RATE_TOO_HIGH, DEAD_UNITS, TOO_SHORT, PLATEAU, OVERFITTING = 6, 4, 43, 12, 40
IN_ORDER = [
    UNSCALED_INPUT, FROZEN, FAR_START, TOO_MUCH_DECAY, RATE_TOO_HIGH, DEAD_UNITS, TOO_SHORT,
    PLATEAU, OVERFITTING,
]  # fmt: skip


def finding(number: int, severity: Severity = "error", category: Category | None = None) -> Finding:
    return RULES[number].symptom.found(severity, "here", evidence={}, category=category)


def test_nothing_is_judged_to_be_nothing():
    assert judged([]) == []


def test_errors_stand_in_the_order_in_which_causes_are_looked_for():
    assert [stage_of(finding(number)) for number in IN_ORDER] == list(Stage)
    for earlier, later in zip(IN_ORDER, IN_ORDER[1:], strict=False):
        assert judged([finding(later), finding(earlier)])[0].number == earlier


def test_what_follows_from_a_cause_is_information_that_names_it():
    cause, dead, plateau = judged([finding(PLATEAU), finding(RATE_TOO_HIGH), finding(DEAD_UNITS)])
    assert (cause.number, cause.severity, cause.because) == (RATE_TOO_HIGH, "error", None)
    for each in (dead, plateau):
        assert (each.severity, each.because) == ("information", "learning rate too high")


def test_a_warning_folds_nothing():
    left = judged([finding(PLATEAU, "warning"), finding(RATE_TOO_HIGH, "warning")])
    assert [each.number for each in left] == [RATE_TOO_HIGH, PLATEAU]
    assert all(each.severity == "warning" and each.because is None for each in left)


def test_an_error_stands_before_a_warning_of_an_earlier_stage():
    left = judged([finding(FROZEN, "warning"), finding(PLATEAU)])
    assert [each.number for each in left] == [PLATEAU, FROZEN]
    assert left[1].because is None


@pytest.mark.parametrize(
    "number", [UNSCALED_INPUT, 31, 33, 34, 36, 37, FROZEN, 47, OVERFITTING, 41]
)
def test_what_lies_in_data_wiring_or_generalisation_is_never_folded(number):
    first, *rest = judged([finding(26), finding(number)])
    assert first.number == min([26, number], key=lambda n: (stage_of(finding(n)), n))
    assert [(each.severity, each.because) for each in rest] == [("error", None)]


def test_two_findings_of_the_same_symptom_do_not_fold_each_other():
    inputs, targets = finding(1, category="data"), finding(1, category="labels")
    assert [each.because for each in judged([inputs, targets])] == [None, None]


def test_a_category_of_an_earlier_stage_moves_a_finding_there():
    assert stage_of(finding(1)) is Stage.LEARNING_RATE
    assert stage_of(finding(1, category="data")) is Stage.DATA
    assert stage_of(finding(RATE_TOO_HIGH, category="optimizer")) is Stage.WIRING
    first, second = judged([finding(FAR_START), finding(1, category="data")])
    assert (first.number, second.because) == (1, "a number that is not finite")


def test_a_category_of_a_later_stage_leaves_a_finding_where_it_is():
    assert stage_of(finding(FROZEN, category="activation")) is Stage.WIRING


def test_how_a_training_went_stays_an_outcome_whatever_is_suspected():
    assert stage_of(finding(PLATEAU, category="labels")) is Stage.OUTCOME


def test_what_is_not_in_the_catalogue_is_about_data():
    assert stage_of(Finding("warning", "odd", "data", "column 'a'", "")) is Stage.DATA


def test_in_a_training_that_is_stuck_on_bad_inputs_the_inputs_come_first():
    training = STUCK.knowing(inputs={"std": (900.0, 1000.0, 800.0, 950.0)}).looping(input_std=915.0)
    first, *rest = diagnose(training.history())
    assert (first.number, first.severity) == (UNSCALED_INPUT, "error")
    assert {each.number: each.because for each in rest} == {
        12: "unscaled input",
        13: "unscaled input",
    }
