"""All rules asked at once, and what was recorded beside them."""

from __future__ import annotations

from ranvier.core.finding import Finding
from ranvier.diagnose.diagnosis import diagnose
from ranvier.runs.history import History
from tests.unit.diagnose.histories import HEALTHY, NUMBERS, STUCK, Training, diagnosed, found


def recorded(finding: Finding, **other: object) -> dict[str, object]:
    return {"kind": "finding", **finding.to_json(), **other}


def with_further(training: Training, *records: dict[str, object]) -> History:
    return History([*training.records(), *records])


def shared(severity: str, where: str) -> Finding:
    return Finding(severity, "rows on both sides of the split", "data", where, "Split.", number=34)  # type: ignore[arg-type]


def test_a_healthy_training_on_classes_has_no_finding_at_all():
    assert diagnose(HEALTHY.history()) == []


def test_a_healthy_training_on_numbers_has_no_finding_at_all():
    assert diagnose(NUMBERS.history()) == []


def test_only_the_symptoms_that_are_asked_for_are_looked_for():
    assert {each.number for each in diagnose(STUCK.history())} == {12, 13}
    assert [each.number for each in diagnose(STUCK.history(), numbers=[13])] == [13]


def test_the_first_sentence_of_what_a_symptom_means_comes_with_the_finding():
    assert found(STUCK, 12).meaning == ("The loss does not move: neither down as it should nor up.")


def test_a_finding_recorded_while_data_was_read_comes_along():
    note = Finding("information", "dates were read", "data", "column 'day'", "")
    assert diagnose(with_further(HEALTHY, recorded(note))) == [note]


def test_a_finding_recorded_at_a_step_was_true_there_and_is_asked_for_anew():
    plateau = found(STUCK, 12)
    assert diagnose(with_further(HEALTHY, recorded(plateau, step=120))) == []


def test_of_two_that_say_a_symptom_alike_the_recorded_one_stays():
    training = HEALTHY.knowing(split={"shared": 0.1})
    (finding,) = diagnose(with_further(training, recorded(shared("warning", "rows 4 and 9"))))
    assert finding.where == "rows 4 and 9"


def test_of_two_that_say_a_symptom_the_more_severe_one_stays():
    training = HEALTHY.knowing(split={"shared": 0.5})
    (finding,) = diagnose(with_further(training, recorded(shared("warning", "rows 4 and 9"))))
    assert (finding.severity, finding.where) == ("error", "the split")
    training = HEALTHY.knowing(split={"shared": 0.1})
    (finding,) = diagnose(with_further(training, recorded(shared("error", "rows 4 and 9"))))
    assert (finding.severity, finding.where) == ("error", "rows 4 and 9")


def test_facts_of_the_newest_settings_count():
    leaking = HEALTHY.knowing(split={"shared": 0.5})
    healed = with_further(leaking, {"kind": "preflight", **HEALTHY.facts.to_json()})
    assert diagnosed(leaking, 34)
    assert diagnose(healed, numbers=[34]) == []
