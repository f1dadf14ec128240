"""What the page says of findings and of changes that were made, from records that stand here."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from ranvier.core.finding import Finding
from ranvier.report.finding_words import evidence_words, intervention_words, part, times
from ranvier.report.gather import ReportData
from ranvier.report.lights import is_sound
from ranvier.report.sections.doctor import doctor_section
from ranvier.report.sections.symptom_plots import PLOTS, symptom_plot

EPOCHS = [
    {"epoch": k, "step": 10 * k, "train": {"loss": 1 / k, "accuracy": 0.1 * k},
     "probe": {"loss": 1 / k, "accuracy": 0.1 * k},
     "validation": {"loss": 1 / k + 0.1 * k, "accuracy": 0.05 * k}}
    for k in range(1, 9)
]  # fmt: skip
WINDOW = {
    "step": 80, "loss": [math.exp(-k / 20) for k in range(80)],
    "gradient_norm": [1.0 + k % 3 for k in range(80)], "learning_rate": [0.1] * 80,
}  # fmt: skip
START = {
    "parameters": ["a.weight", "a.bias", "b.weight"], "layers": ["a", "b"],
    "parameter_shapes": [[4, 3], [4], [2, 4]],
}  # fmt: skip
WEIGHTS = [
    {"step": step, "norm": [2.0, 1.0, 3.0], "update": [0.02, 0.01, 0.3],
     "gradient_mean": [1e-6, 1e-5, 1e-2]}
    for step in (1, 17, 33)
]  # fmt: skip
ACTIVATIONS = [
    {"step": step, "dead": [0.0, 0.25 * step / 33], "saturated": [0.5, None]} for step in (1, 17)
]
PREFLIGHT = {
    "inputs": {"std": [1.0, 500.0], "names": ["age", "income"]},
    "targets": {"counts": [90, 10], "classes": ["no", "yes"]},
    "layers": [{"path": "a", "std": 1.0}, {"path": "b", "std": 30.0}],
}
LEAST: dict[int, dict[str, Any]] = {30: {"first_loss": 9.0, "usual": 2.3}}


def recorded(*findings: Finding, **events: Any) -> ReportData:
    kinds = {
        "start": [START], "window": [WINDOW], "epoch": EPOCHS, "weights": WEIGHTS,
        "activations": ACTIVATIONS, "preflight": [PREFLIGHT],
        "finding": [finding.to_json() for finding in findings],
    } | events  # fmt: skip
    return ReportData("run", {}, {}, events={kind: tuple(rows) for kind, rows in kinds.items()})


def found(severity: Any = "error", number: int = 10, **parts: Any) -> Finding:
    words = {"symptom": "divergence", "category": "learning_rate", "where": "the loss",
             "advice": "Go `back`."}  # fmt: skip
    return Finding(severity, **(words | parts), number=number)


def text_of(markup: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", markup).split())


def test_nothing_wrong_is_one_calm_green_line() -> None:
    section = doctor_section(recorded())
    assert section is not None
    assert text_of(section) == (
        "What the doctor says ✓ Nothing is wrong with this training that its records would show."
    )
    assert "light green" in section


def test_a_run_that_recorded_nothing_says_nothing() -> None:
    assert doctor_section(ReportData("run", {})) is None


def test_the_cause_comes_first_and_what_follows_is_folded_under_it() -> None:
    cause = found(meaning="The loss rises.", evidence={"loss_over_least": 3.25}, cure="clip")
    follows = found("information", 4, symptom="dead units", where="a", because="divergence")
    risk = found("warning", 40, symptom="overfitting", where="validation")
    data = recorded(risk, cause, follows)
    data = ReportData("run", {"command": "ranvier train wine"}, {}, events=data.events)
    section = doctor_section(data)
    assert section is not None
    said = text_of(section)
    assert said.index("Divergence") < said.index("Because of that: dead units")
    assert said.index("Because of that: dead units") < said.index("Overfitting")
    assert "The loss rises." in said
    assert "the loss ended at 3.25 times its least" in said
    assert "What to do. Go back ." in said and "<code>back</code>" in section
    assert "Ranvier can limit the gradient itself" in said and "<code>--heal</code>" in section
    assert section.count("<details>") == 1


def test_a_cure_is_not_offered_where_no_command_made_the_run() -> None:
    section = doctor_section(recorded(found(cure="clip")))
    assert section is not None and "--heal" not in section


def test_what_is_good_to_know_stands_apart_and_leaves_the_line_calm() -> None:
    section = doctor_section(recorded(found("information", 0, symptom="an odd column")))
    assert section is not None
    assert "What follows is good to know." in section and "An odd column" in section


def test_changes_stand_in_order_beside_the_loss_with_a_mark_at_each() -> None:
    changes = [
        {"step": 20, "epoch": 2, "symptom": "divergence", "cure": "lower_learning_rate",
         "before": {"learning_rate": 0.1}, "after": {"learning_rate": 0.01}, "outcome": "helped"},
        {"step": 50, "epoch": 5, "symptom": "dead units", "words": "drew dead units anew"},
    ]  # fmt: skip
    section = doctor_section(recorded(intervention=changes))
    assert section is not None
    said = text_of(section)
    first, second = (said.index(words) for words in ("step 20, epoch 2", "step 50, epoch 5"))
    assert first < second
    assert "2 changes tried while it trained" in said.replace("\N{NO-BREAK SPACE}", " ")
    assert section.count('class="guide"') == 2


@pytest.mark.parametrize("number", sorted(PLOTS))
def test_every_symptom_that_has_a_plot_draws_it_from_the_records(number: int) -> None:
    shown = symptom_plot(recorded(), found(number=number, evidence=LEAST.get(number, {})))
    assert shown is not None
    ElementTree.fromstring(shown.plot)
    assert shown.caption


@pytest.mark.parametrize("number", sorted(PLOTS))
def test_a_symptom_whose_records_are_missing_has_no_plot(number: int) -> None:
    assert symptom_plot(ReportData("run", {}), found(number=number)) is None


def test_a_step_is_marked_in_its_curve() -> None:
    shown = symptom_plot(recorded(), found(number=1, evidence={"step": 41}))
    assert shown is not None and "step 41" in shown.plot


def test_the_best_epoch_is_marked_where_rows_held_out_turn() -> None:
    shown = symptom_plot(recorded(), found(number=40, evidence={"best_epoch": 3}))
    assert shown is not None and "best: 3" in shown.plot


def test_the_size_of_updates_lies_over_a_band_of_healthy_ones() -> None:
    shown = symptom_plot(recorded(), found(number=6))
    assert shown is not None
    assert "band" in shown.plot and "healthy" in shown.plot
    assert "b.weight" in shown.plot and "a.bias" not in shown.plot


@pytest.mark.parametrize(
    ("records", "colour"),
    [
        ((), "green"),
        ((found("information"),), "green"),
        ((found("warning"),), "amber"),
        ((found("warning"), found("error")), "red"),
        ((found("error", because="something else"),), "green"),
    ],
)
def test_the_light_has_the_colour_of_the_worst_that_is_no_consequence(records, colour) -> None:
    light = is_sound(recorded(*records))
    assert light is not None and light.colour == colour


def test_text_of_a_record_is_never_markup() -> None:
    evil = "<script>alert(1)</script>"
    finding = found(symptom=evil, where=evil, advice=evil, evidence={evil: evil}, meaning=evil)
    section = doctor_section(recorded(finding, intervention=[{"step": 1, "words": evil}]))
    assert section is not None and "<script>" not in section


@pytest.mark.parametrize(
    ("number", "evidence", "words"),
    [
        (4, {"share": 0.5}, ["in the worst layer half of the units are dead"]),
        (11, {"growth": 3.2}, ["the weights are 3.2 times as large as at first"]),
        (1, {"step": 4}, []),
        (17, {"maximizes": False}, []),
        (40, {"accuracy_gap": None}, []),
        (15, {"parameters": 2, "not_in_optimizer": 0}, ["parameters concerned: 2"]),
        (0, {"needed_bytes": 3 * 2**30}, ["3.00 GiB are needed"]),
        (14, {"answers": [0, 455]}, ["answers by class: 0, 455"]),
        (99, {"never_heard_of": [1, 2]}, ["never heard of: 1, 2"]),
        (10, {"loss_over_least": math.inf}, ["the loss ended at countless times its least"]),
    ],
)
def test_numbers_become_phrases(number: int, evidence: dict[str, Any], words: list[str]) -> None:
    phrases = evidence_words(found(number=number, evidence=evidence))
    assert [phrase.replace("\N{NO-BREAK SPACE}", " ") for phrase in phrases] == words


def test_amounts_are_said_as_people_say_them() -> None:
    assert (part(0.5), part(1.0), times(2.0)) == ("half", "all", "2 times")


def test_a_change_of_which_little_is_known_is_still_said() -> None:
    assert intervention_words({"cure": "clip"}) == "limit the gradient"
