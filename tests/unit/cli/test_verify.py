"""`verify` and `report`: both read a run's files, and neither needs torch."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def damaged(monkeypatch):
    """The list that the check of a run's files finds; empty until a test fills it."""
    found: list[str] = []
    layout = SimpleNamespace(RunFolder=SimpleNamespace(open=lambda path: path))
    monkeypatch.setitem(sys.modules, "ranvier.runs.layout", layout)
    verify = SimpleNamespace(damaged_files=lambda run: found)
    monkeypatch.setitem(sys.modules, "ranvier.runs.verify", verify)
    return found


def test_a_whole_run_exits_0(run_command, damaged):
    outcome = run_command("verify", "runs/a")
    assert (outcome.code, outcome.out) == (0, "runs/a: whole\n")


def test_a_damaged_run_exits_2_and_every_damaged_file_is_named(run_command, damaged):
    damaged += ["model/weights.safetensors", "summary.json"]
    outcome = run_command("verify", "runs/a")
    assert outcome.code == 2
    assert outcome.out == "damaged: model/weights.safetensors\ndamaged: summary.json\n"


@pytest.mark.parametrize("files", [[], ["summary.json"]])
def test_the_document_says_whether_the_run_is_whole(run_command, damaged, files):
    damaged += files
    document = run_command("verify", "runs/a", "--json").document
    assert document == {"run": "runs/a", "whole": not files, "damaged": files}


def test_report_prints_where_the_page_stands(run_command, monkeypatch):
    written = SimpleNamespace(write_report=lambda run: run / "report.html")
    monkeypatch.setitem(sys.modules, "ranvier.report", written)
    assert run_command("report", "runs/a", "--quiet").out == "runs/a/report.html\n"
    document = run_command("report", "runs/a", "--json").document
    assert document == {"run": "runs/a", "report": "runs/a/report.html"}
