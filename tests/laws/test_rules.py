"""What holds of every rule of the doctor, whatever was recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.core.finding import Finding
from ranvier.diagnose.catalogue import symptoms
from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.judge import RANK, STAGES
from ranvier.diagnose.symptom import RULES
from ranvier.runs.history import History
from tests.unit.diagnose.histories import HALFWAY, HEALTHY, NUMBERS, STUCK

Records = list[dict[str, Any]]
RECORDS = {
    "healthy": HEALTHY.records(),
    "halfway": HALFWAY.records(),
    "stuck": STUCK.records(),
    "numbers": NUMBERS.records(),
}
# What becomes of numbers as a training breaks; the last is the largest of float32.
BROKEN = [math.nan, math.inf, -math.inf, 0.0, 3.4e38]
# Counted over rows, so that whatever breaks they lie from 0 to 1.
SHARES = ("share", "accuracy")
# What is written before the first update, by code that knows what it measures.
MEASURED_AT_ONCE = ("start", "preflight", "trials", "end", "loop")


def sound(findings: list[Finding]) -> list[Finding]:
    """The findings, each of which is one that can be shown."""
    for each in findings:
        assert each.severity in RANK and each.category in STAGES
        assert each.where and each.advice and each.meaning
        assert each.number in RULES
    return findings


def with_numbers(value: Any, put: Callable[[], Any], key: str = "") -> Any:
    """The same, with another number wherever one stands, but for shares that cannot be it."""
    if isinstance(value, dict):
        return {name: with_numbers(each, put, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [with_numbers(each, put, key) for each in value]
    if not isinstance(value, float):
        return value
    other = put()
    return value if key in SHARES and other is not None and abs(other) > 1 else other


def recorded_with(records: Records, put: Callable[[], Any]) -> Records:
    """Records with other numbers in everything that is measured over and over."""
    return [
        record if record["kind"] in MEASURED_AT_ONCE else with_numbers(record, put)
        for record in records
    ]


def test_the_numbers_of_the_catalogue_are_1_to_54():
    assert sorted(RULES) == list(range(1, 55))
    assert [symptom.number for symptom in symptoms()] == list(range(1, 55))


def test_no_two_symptoms_have_one_name():
    assert len({symptom.name for symptom in symptoms()}) == 54


@pytest.mark.parametrize("number", RULES)
def test_every_symptom_has_all_its_texts(number):
    symptom = RULES[number].symptom
    for each in fields(symptom):
        value = getattr(symptom, each.name)
        if isinstance(value, str):
            assert value.strip() == value != "", each.name
    assert symptom.category in STAGES
    for text in (symptom.meaning, symptom.statistic, symptom.looks, symptom.remedy):
        assert text.endswith("."), text
    assert all(symptom.references)


@pytest.mark.parametrize("number", RULES)
def test_no_rule_finds_anything_in_an_empty_history(number):
    assert diagnose(History([]), numbers=[number]) == []


@pytest.mark.parametrize("name", RECORDS)
def test_no_rule_finds_anything_in_a_start_alone(name):
    assert diagnose(History(RECORDS[name][:1])) == []


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("value", [*BROKEN, None])
def test_no_rule_fails_where_every_number_is_the_same_odd_one(name, value):
    sound(diagnose(History(recorded_with(RECORDS[name], lambda: value))))


@pytest.mark.parametrize("name", RECORDS)
def test_no_rule_fails_where_losses_are_below_0(name):
    sound(diagnose(History(_below_0(RECORDS[name]))))


def _below_0(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _below_0(each, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_below_0(each, key) for each in value]
    return -abs(value) if key in ("loss", "initial", "trivial") and value is not None else value


@pytest.mark.parametrize("name", RECORDS)
def test_no_rule_fails_with_one_epoch_and_one_look(name):
    once: dict[str, dict[str, Any]] = {}
    for record in RECORDS[name]:
        once.setdefault(record["kind"], record)
    sound(diagnose(History(once.values())))


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("kind", sorted({record["kind"] for record in RECORDS["healthy"]}))
def test_no_rule_fails_where_one_kind_of_record_is_missing_or_the_only_one(name, kind):
    records = RECORDS[name]
    sound(diagnose(History([each for each in records if each["kind"] != kind])))
    sound(diagnose(History([records[0], *(each for each in records if each["kind"] == kind)])))


@pytest.mark.parametrize("name", RECORDS)
def test_no_rule_fails_where_evaluations_have_unequal_scores(name):
    def uneven() -> Iterator[dict[str, Any]]:
        for place, record in enumerate(RECORDS[name]):
            if record["kind"] == "epoch":
                splits = [split for split in ("train", "validation", "probe") if split in record]
                record = {**record, splits[place % 3]: {}, splits[(place + 1) % 3]: None}
            yield record

    sound(diagnose(History(uneven())))


@pytest.mark.parametrize("name", RECORDS)
def test_no_rule_fails_where_preflight_measured_one_part_only(name):
    facts = next(each for each in RECORDS[name] if each["kind"] == "preflight")
    rest = [each for each in RECORDS[name] if each["kind"] != "preflight"]
    for part in facts:
        sound(diagnose(History([*rest, {"kind": "preflight", part: facts[part]}])))
        sound(diagnose(History([*rest, {**facts, part: () if _is_row(facts[part]) else None}])))


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple)


@st.composite
def partial_histories(draw: st.DrawFn) -> Records:
    """A part of what a training recorded, with some numbers that are none."""
    records = RECORDS[draw(st.sampled_from(sorted(RECORDS)))]
    kinds = sorted({record["kind"] for record in records})
    left_out = draw(st.sets(st.sampled_from(kinds[:-1]), max_size=4))
    kept = [record for record in records if record["kind"] not in left_out]
    most = draw(st.integers(1, 12))
    counts: dict[str, int] = {}
    short: Records = []
    for record in kept:
        counts[record["kind"]] = counts.get(record["kind"], 0) + 1
        if counts[record["kind"]] <= most:
            short.append(record)
    steps = st.sampled_from([0, 1, 2, 9, 29, 31, 101, 400])
    names = ("loss", "gradient_norm", "learning_rate")
    one_length, lengths = draw(steps), {name: draw(steps) for name in names}
    if draw(st.booleans()):
        lengths = dict.fromkeys(names, one_length)
    short = [_cut(record, lengths) if record["kind"] == "window" else record for record in short]
    odd = draw(st.lists(st.sampled_from([*BROKEN, None]), min_size=1, max_size=3))
    every = draw(st.integers(1, 40))
    turn = iter(range(10**9))

    def put() -> Any:
        place = next(turn)
        return odd[place % len(odd)] if place % every == 0 else 0.5 / (1 + place % 7)

    return recorded_with(short, put)


def _cut(window: dict[str, Any], lengths: dict[str, int]) -> dict[str, Any]:
    return {key: each[: lengths[key]] if key in lengths else each for key, each in window.items()}


@settings(max_examples=150, deadline=None)
@given(records=partial_histories())
def test_no_rule_fails_on_a_part_of_a_history_with_odd_numbers(records):
    sound(diagnose(History(records)))
