"""The doctor's suite counts what it says it counts, and its faults are what their names say."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import nn

import benchmarks.doctor.faults as faults
from benchmarks.doctor import judge, program, record, tables
from benchmarks.doctor.cases import HALVES, PROGRAMS_A_HALF, Case, cases, drawn, half_of
from benchmarks.doctor.faults import FAULTS
from benchmarks.doctor.interval import wilson
from benchmarks.doctor.judge import Share, Verdict
from benchmarks.doctor.programs import PROGRAMS
from ranvier.core.finding import Finding

FAMILIES = {"dense", "convolutional", "recurrent", "attention"}


# The split.


@pytest.mark.parametrize("half", HALVES)
def test_each_half_holds_programs_of_every_family(half: str) -> None:
    assert {p.family for p in PROGRAMS.values() if half_of(p.name) == half} == FAMILIES


def test_a_program_lies_in_the_half_that_the_hash_of_its_name_says() -> None:
    for name in PROGRAMS:
        is_odd = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2
        assert half_of(name) == HALVES[is_odd]


def test_a_fault_lies_in_the_half_of_its_program_and_so_does_its_twin() -> None:
    assert Case("xor-tanh", "rate-of-one", 3).half == Case("xor-tanh", None, 0).half
    found = cases(half="test")
    assert found
    assert {each.half for each in found} == {"test"}


def test_there_are_as_many_healthy_runs_as_false_alarms_are_counted_on() -> None:
    assert len([each for each in cases() if each.fault is None]) >= 120


def test_each_fault_is_tried_in_both_halves_on_few_programs_of_different_families() -> None:
    for fault in FAULTS.values():
        for half in HALVES:
            names = drawn(fault, half, PROGRAMS_A_HALF)
            assert 1 <= len(names) <= PROGRAMS_A_HALF, (fault.name, half)
    everywhere = [PROGRAMS[name].family for name in drawn(FAULTS["rate-of-ten"], "test", 4)]
    assert set(everywhere) == FAMILIES


def test_every_row_of_the_catalogue_has_a_fault_or_a_reason_why_not() -> None:
    without = faults.__doc__.partition("Rows that no fault is made for")[2]
    named = {int(number) for number in re.findall(r"\b\d+\b", without)}
    provoked = {fault.number for fault in FAULTS.values()}
    assert provoked | named == set(range(1, 55))
    assert not provoked & named


# The figures.


@pytest.mark.parametrize(("count", "total"), [(0, 100), (3, 7), (95, 100), (40, 40)])
def test_the_interval_is_the_one_that_scipy_gives(count: int, total: int) -> None:
    wanted = stats.binomtest(count, total).proportion_ci(method="wilson")
    assert wilson(count, total) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_of_no_runs_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert str(Share(0, 0)) == "–"


def finding(severity: str, category: str, *, number: int = 6) -> Finding:
    return Finding(severity, "learning rate too high", category, "the loss", "", number=number)


def verdict(fault: str | None, *findings: Finding, score: float = 0.5, twin: float | None = 0.9):
    return Verdict(Case("xor-tanh", fault, 0), list(findings), score, twin)


def test_a_fault_of_outcome_counts_only_where_the_score_falls() -> None:
    assert verdict("rate-of-one", score=0.5).counts
    assert verdict("rate-of-one", score=float("nan")).counts
    assert not verdict("rate-of-one", score=0.89).counts
    assert not verdict("rate-of-one", twin=None).counts
    assert verdict("softmax-on-one-unit", score=0.9).counts
    assert not verdict(None).counts


def test_the_cause_is_right_where_the_first_finding_is_an_alarm_of_an_accepted_category() -> None:
    error, remark = finding("error", "learning_rate"), finding("information", "learning_rate")
    other = finding("warning", "data", number=26)
    assert verdict("rate-of-one", error, other).is_right
    assert not verdict("rate-of-one", other, error).is_right
    assert not verdict("rate-of-one", remark).is_right
    assert verdict("rate-of-one", other, error).is_named


def test_a_healthy_run_with_a_warning_is_no_false_alarm_of_error_level() -> None:
    found = [verdict(None, finding("warning", "data")), verdict(None)]
    alarms = judge.alarms_of(found)
    assert (alarms["error"], alarms["error or warning"]) == (Share(0, 2), Share(1, 2))


# What faults do.


def spoilt(fault: str, name: str) -> program.Program:
    found = FAULTS[fault].spoil(PROGRAMS[name])
    assert found is not None
    return found


def test_a_rate_a_hundred_times_as_high_is_that() -> None:
    made = spoilt("rate-a-hundred-times-as-high", "iris-tanh").optimizer([torch.zeros(1)])
    assert made.param_groups[0]["lr"] == pytest.approx(0.5)


def test_a_softmax_before_the_loss_leaves_rows_that_sum_to_1() -> None:
    broken = spoilt("softmax-before-cross-entropy", "iris-tanh")
    sums = broken.model()(broken.rows(0).inputs).sum(1)
    assert torch.allclose(sums, torch.ones_like(sums))


def test_labels_shuffled_are_the_same_labels_in_other_places() -> None:
    there, here = (
        p.rows(0).targets for p in (PROGRAMS["wine-sgd"], spoilt("labels-shuffled", "wine-sgd"))
    )
    assert not torch.equal(there, here)
    assert torch.equal(there.sort().values, here.sort().values)


def test_rows_held_out_stand_among_those_trained_on_after_a_leak() -> None:
    rows = spoilt("validation-rows-among-training", "wine-sgd").rows(1)
    assert torch.equal(rows.inputs[-len(rows.held_out) :], rows.held_out)


def test_the_truth_stays_where_targets_are_scaled_and_the_answer_is_scaled_back() -> None:
    healthy, broken = PROGRAMS["friedman-huber"], spoilt("target-in-thousands", "friedman-huber")
    rows = broken.rows(0)
    assert torch.equal(rows.truth, healthy.rows(0).truth)
    assert torch.allclose(broken.answer(rows.held_out_targets), rows.truth, atol=1e-4)


def test_without_an_update_no_weight_moves() -> None:
    for name in ("no-update-is-made", "optimizer-of-another-network"):
        broken = replace(spoilt(name, "straight-line"), epochs=3)
        updates = [r["update"] for r in program.run(broken, 0).records if r["kind"] == "weights"]
        assert updates
        assert all(moved == 0 for look in updates for moved in look), name


def test_attention_over_the_batch_makes_a_row_depend_on_others() -> None:
    for name in ("tokens-attention", "digits-lstm"):
        broken = spoilt("batch-first-forgotten", name)
        torch.manual_seed(0)
        model, rows = broken.model().eval(), broken.rows(0).inputs[:6]
        other = torch.cat([rows[:1].flip(1), rows[1:]])
        assert not torch.allclose(model(rows)[1:], model(other)[1:], atol=1e-6), name


def test_layers_in_a_plain_list_are_no_parameters() -> None:
    broken, healthy = spoilt("layers-in-a-plain-list", "wine-sgd"), PROGRAMS["wine-sgd"]
    assert len(list(broken.model().parameters())) == 2 < len(list(healthy.model().parameters()))


def test_one_row_in_fifty_is_of_the_other_classes() -> None:
    counts = torch.bincount(
        spoilt("one-row-in-fifty-of-the-other-classes", "two-clouds").rows(0).targets
    )
    assert counts[0] / counts[1] == pytest.approx(50, rel=0.2)


# Recording and judging.


def test_a_program_is_recorded_once_and_judged_from_what_is_kept(tmp_path: Path) -> None:
    chosen = [Case("straight-line", "no-update-is-made", 0)]
    record.record(chosen, tmp_path, jobs=1, again=False)
    twin = Case("straight-line", None, 0)
    written = {case: case.path(tmp_path).stat().st_mtime_ns for case in (*chosen, twin)}
    record.record(chosen, tmp_path, jobs=1, again=False)
    assert written == {case: case.path(tmp_path).stat().st_mtime_ns for case in written}
    found = judge.verdicts([twin, *chosen], tmp_path)
    assert [each.twin for each in found] == [found[0].score] * 2
    assert found[0].score > PROGRAMS["straight-line"].good > found[1].score
    half = tables.document(found)[twin.half]
    assert half["faults"]["found"]["total"] == 1
    assert half["false_alarms"]["error"]["total"] == 1
    page = tables.markdown(found)
    assert f"### The {twin.half} half" in page
    assert "| 15 | parameters that never move | " in page
    json.dumps(tables.document(found))


def test_what_a_program_ends_with_is_kept_and_its_score_is_the_worst(tmp_path: Path) -> None:
    def fails(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such loss")

    found = program.run(replace(PROGRAMS["and-gate"], loss=fails), 0)
    assert found.error == "ValueError: no such loss"
    assert found.crash is None
    assert found.records[0]["kind"] == "start"


def test_a_recorder_that_dies_is_told_of_and_not_died_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyError("weights")

    monkeypatch.setattr(program.rv.Recorder, "step", dies)
    found = program.run(replace(PROGRAMS["and-gate"], epochs=2), 0)
    assert found.crash == "KeyError: 'weights'"


def test_a_healthy_run_below_its_bar_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sane = replace(PROGRAMS["and-gate"], epochs=1, good=1.0)
    monkeypatch.setitem(PROGRAMS, "and-gate", sane)
    lines = record.keep(Case("and-gate", None, 0), tmp_path)
    assert len(lines) == 1, lines
    assert lines[0].endswith("is below 1.0, so it is not healthy")


def test_a_wrong_answer_of_infinite_size_scores_worst() -> None:
    wine = PROGRAMS["wine-sgd"]
    model = nn.Linear(13, 3)
    with torch.no_grad():
        model.bias.fill_(float("nan"))
    assert program.score(wine, model, wine.rows(0)) == 0.0
