"""`train` and `resume`: what they hand to the Python surface and what they show of the run."""

from __future__ import annotations

import dataclasses

import pytest

from ranvier.cli.progress import TerminalProgress


def test_only_what_was_given_is_handed_on(run_command, api, tmp_path):
    out = tmp_path / "new"
    outcome = run_command(
        "train", "iris", "--target", "species", "--epochs", "3", "--ignore", "a,b",
        "--ignore", "c", "--set", "optimizer.momentum=0.9", "--out", out, "--seed=7",
    )  # fmt: skip
    assert outcome.code == 0
    ((verb, network, source, options),) = api.calls
    assert (verb, network, source) == ("train", None, "iris")
    assert isinstance(options.pop("progress"), TerminalProgress)
    assert options == {
        "out": out,
        "command": "ranvier train iris --target species --epochs 3 --ignore a,b --ignore c "
        f"--set optimizer.momentum=0.9 --out {out} --seed=7",
        "target": "species",
        "epochs": 3,
        "ignore": ("a", "b", "c"),
        "optimizer": {"momentum": 0.9},
        "seed": 7,
    }


@pytest.mark.parametrize(("verb", "source"), [("train", "iris"), ("resume", "run")])
def test_the_end_is_a_table_of_metrics_and_the_report(run_command, api, verb, source):
    lines = run_command(verb, source).out.splitlines()
    assert lines[0].split() == ["metric", "train", "validation", "test", "test", "baseline"]
    assert lines[1].split() == ["log_loss", "0.0500", "nan", "0.1100", "0.6600"]
    assert lines[2].split() == ["accuracy", "0.9900", "0.9700", "0.9600", "0.6300"]
    # A training says them when it finds them, before the first step.
    if verb == "resume":
        assert lines.pop(3) == "warning: an identifier (column id). It was left out."
    assert lines[3] == "finished · 12 epochs, the best 7 · 1 min 15 s · 12,345 parameters"
    assert lines[4].split() == ["report", str(api.run.path / "report.html")]


def test_under_json_standard_output_is_one_document_and_the_words_stand_beside_it(run_command, api):
    outcome = run_command("train", "iris", "--json")
    document = outcome.document
    assert document["run"] == str(api.run.path)
    assert document["report"] == str(api.run.path / "report.html")
    assert document["status"] == "finished"
    assert document["metrics"]["test"] == {"accuracy": 0.96, "log_loss": 0.11}
    assert document["metrics"]["validation"]["log_loss"] is None
    assert document["baseline"]["test"]["accuracy"] == 0.63
    assert document["findings"] == []
    assert "accuracy" in outcome.err


def test_quiet_prints_the_run_alone(run_command, api):
    outcome = run_command("train", "iris", "--quiet")
    assert (outcome.out, outcome.err) == (f"{api.run.path}\n", "")
    assert api.calls[0][3]["progress"] is None


def test_quiet_and_json_print_the_document_alone(run_command, api):
    outcome = run_command("train", "iris", "--quiet", "--json")
    assert outcome.err == ""
    assert outcome.document["run"] == str(api.run.path)


def test_nothing_is_trained_when_a_setting_is_wrong(run_command, api):
    outcome = run_command("train", "iris", "--epochs", "many", "--set", "batch=3")
    assert outcome.code == 2
    assert "--epochs " in outcome.err
    assert "unknown setting 'batch'" in outcome.err
    assert api.calls == []


@pytest.mark.parametrize("source", [None, "moved.csv"])
def test_resume_goes_on_with_the_run(run_command, api, source):
    words = ["resume", api.run.path, *([source] if source else [])]
    outcome = run_command(*words)
    assert outcome.code == 0
    assert api.calls[0][:3] == ("resume", api.run.path, source)
    assert "finished" in outcome.out


def test_markup_in_a_finding_is_printed_as_it_stands(run_command, api):
    finding = api.run.findings[0]
    api.run.findings = (dataclasses.replace(finding, where="column [red]x[/red]"),)
    assert "[red]x[/red]" in run_command("resume", "run").out
