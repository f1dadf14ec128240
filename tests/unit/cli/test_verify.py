"""`verify` and `report`: what they find, say and leave with."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def damaged(monkeypatch):
    """The sentences that the check of a run's files finds; none until a test adds one."""
    found: list[str] = []
    layout = SimpleNamespace(RunFolder=SimpleNamespace(open=lambda path: path))
    monkeypatch.setitem(sys.modules, "ranvier.runs.layout", layout)
    verify = SimpleNamespace(damaged_files=lambda run: found)
    monkeypatch.setitem(sys.modules, "ranvier.runs.verify", verify)
    return found


def verdict(damaged=(), differing=None):
    replay = None
    if differing is not None:
        replay = SimpleNamespace(
            first_step=64, last_step=1280, differing=differing, is_exact=not differing
        )
    return SimpleNamespace(damaged=damaged, replay=replay)


def test_a_whole_run_exits_0(run_command, damaged):
    outcome = run_command("verify", "runs/a", "--files-only")
    assert (outcome.code, outcome.out) == (0, "runs/a: every file is whole.\n")


def test_a_damaged_run_exits_2_and_every_damaged_file_is_named(run_command, damaged):
    damaged += ["weights.safetensors: damaged.", "summary.json: damaged."]
    outcome = run_command("verify", "runs/a", "--files-only")
    assert outcome.code == 2
    assert outcome.out == "weights.safetensors: damaged.\nsummary.json: damaged.\n"


@pytest.mark.parametrize("files", [[], ["summary.json: damaged."]])
def test_the_document_says_whether_the_run_is_whole(run_command, damaged, files):
    damaged += files
    document = run_command("verify", "runs/a", "--files-only", "--json").document
    assert document == {"run": "runs/a", "whole": not files, "damaged": files}


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (verdict(), 0, "every file is whole."),
        (verdict(differing=()), 0, "steps 64 to 1,280, run again, came out the same bit for bit."),
        (verdict(differing=("dense_0.weight",)), 1, "came out otherwise in dense_0.weight."),
        (verdict(damaged=("summary.json: damaged.",)), 2, "summary.json: damaged."),
    ],
)
def test_the_exit_code_tells_damage_from_a_resume_that_is_not_exact(
    run_command, api, found, code, said
):
    api.verify = lambda run, source, *, progress: found
    outcome = run_command("verify", "runs/a", "rows.csv", "--quiet")
    assert outcome.code == code
    assert said in outcome.out
    document = run_command("verify", "runs/a", "--json").document
    assert document["whole"] == (code != 2)
    if found.replay is not None:
        assert document["replay"]["exact"] == (code == 0)


def test_report_prints_where_the_page_stands(run_command, monkeypatch):
    written = SimpleNamespace(write_report=lambda run: run / "report.html")
    monkeypatch.setitem(sys.modules, "ranvier.report", written)
    assert run_command("report", "runs/a", "--quiet").out == "runs/a/report.html\n"
    document = run_command("report", "runs/a", "--json").document
    assert document == {"run": "runs/a", "report": "runs/a/report.html"}
