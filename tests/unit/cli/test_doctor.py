"""What `ranvier doctor` says, and with which exit code, of runs whose records are written here."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ranvier.cli.sparkline import sparkline
from ranvier.runs.documents import write_document
from ranvier.runs.events import EventWriter
from ranvier.runs.layout import RunFolder

BAD = {
    "severity": "error", "symptom": "divergence", "category": "learning_rate", "where": "the loss",
    "advice": "Go back.", "number": 10, "evidence": {"loss_over_least": 3.25, "t": 7.0},
    "cure": "lower_learning_rate", "because": None,
    "meaning": "The training loss rises: updates lead away from what was learnt.",
}  # fmt: skip
FOLLOWS = BAD | {
    "severity": "information", "symptom": "dead units", "category": "activation", "number": 4,
    "where": "dense_0", "evidence": {"share": 0.5}, "because": "divergence", "cure": None,
}  # fmt: skip
SMALL = BAD | {
    "severity": "information", "symptom": "odd column", "category": "data", "number": 0,
    "where": "column 'age'", "evidence": {"moons": 3}, "cure": None,
}  # fmt: skip
CHANGE = {
    "step": 40, "epoch": 2, "symptom": "divergence", "number": 10, "cure": "lower_learning_rate",
    "before": {"learning_rate": 0.1}, "after": {"learning_rate": 0.01}, "outcome": "helped",
}  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """A function that writes a run with these records, and gives its folder."""

    def write(*records: dict[str, Any], **run: Any) -> Path:
        folder = RunFolder.create(tmp_path / "run")
        write_document(folder.run, {"command": "ranvier train wine --out a --seed 3"} | run)
        writer = EventWriter(folder.events)
        losses = [1.0 - 0.01 * step for step in range(40)]
        writer.append("window", {"step": 40, "loss": losses, "gradient_norm": [1.0] * 40,
                                 "learning_rate": [0.1] * 40})  # fmt: skip
        for record in records:
            writer.append(record["kind"], {k: v for k, v in record.items() if k != "kind"})
        writer.close()
        return folder.path

    return write


def finding(document: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "finding", **document}


END = {"kind": "end", "reason": "no gain", "step": 40, "epoch": 1}


def test_the_cause_comes_first_with_its_grounds_its_cure_and_what_followed(make, run_command):
    run = make(finding(SMALL), finding(BAD), finding(FOLLOWS), END)
    outcome = run_command("doctor", run)
    assert outcome.code == 3
    lines = outcome.out.splitlines()
    assert lines[:2] == [str(run), "Finished, 0 epochs, 40 updates."]
    assert lines[3:5] == [
        "✗ Divergence: the loss",
        "  The training loss rises: updates lead away from what was learnt.",
    ]
    assert "  loss █" in lines[5] and lines[5].endswith("1.0000 → 0.6100")
    assert "  - the loss ended at 3.25 times its least" in lines
    assert "  → Ranvier can lower the learning rate itself:" in lines
    assert "      ranvier train wine --seed 3 --heal" in lines
    assert "  because of that: dead units (dense_0)" in lines
    assert lines[-2:] == ["Good to know:", "  · odd column (column 'age'): moons: 3"]


def test_a_run_in_which_nothing_is_wrong_is_told_so(make, run_command):
    outcome = run_command("doctor", make(END))
    assert outcome.code == 0
    assert "✓ Nothing is wrong with this training" in outcome.out


def test_the_document_has_status_findings_and_interventions(make, run_command):
    run = make(finding(BAD), {"kind": "intervention", **CHANGE}, END)
    outcome = run_command("doctor", run, "--json")
    assert outcome.code == 3
    document = outcome.document
    assert document["run"] == str(run)
    assert document["status"] == "finished"
    assert document["findings"][0] == BAD
    assert document["interventions"] == [CHANGE]
    assert not outcome.err


def test_what_was_done_while_it_trained_is_told_in_order(make, run_command):
    said = run_command("doctor", make({"kind": "intervention", **CHANGE}, END)).out
    out = " ".join(said.split())
    assert "What was tried while it trained:" in out
    assert (
        "step 40, epoch 2: divergence → lower the learning rate (learning rate 0.1 → 0.01): helped"
        in out
    )


@pytest.mark.parametrize(
    ("records", "status", "words"),
    [
        ((END,), "finished", "Finished, 0 epochs"),
        (({**END, "reason": "diverged"},), "diverged", "Ended at step 40"),
        ((), "interrupted", "It did not come to its end"),
    ],
)
def test_how_a_run_ended_is_said(make, run_command, records, status, words):
    run = make(*records)
    assert run_command("doctor", run, "--json").document["status"] == status
    said = " ".join(run_command("doctor", run).out.split())
    assert words in said
    assert ("ranvier resume" in said) == (status == "interrupted")


def test_a_run_that_is_still_written_is_told_from_one_that_died(make, run_command):
    run = make()
    with RunFolder(run).lock():
        outcome = run_command("doctor", run, "--json")
    assert outcome.document["status"] == "running"


@pytest.mark.parametrize(("records", "is_said"), [((END,), True), ((), False)])
def test_that_it_was_too_short_is_said_only_of_a_training_that_ended(
    make, run_command, records, is_said
):
    short = {**BAD, "number": 43, "symptom": "too few epochs"}
    findings = run_command("doctor", make(finding(short), *records), "--json").document["findings"]
    assert bool(findings) == is_said


def test_the_folder_of_a_recorder_is_read_as_well(tmp_path, run_command):
    with_records = tmp_path / "mine"
    with_records.mkdir()
    writer = EventWriter(with_records)
    writer.append("window", {"step": 2, "loss": [1.0, 0.5], "gradient_norm": [1.0, 1.0]})
    writer.close()
    outcome = run_command("doctor", with_records)
    assert "Recorded in a loop written by hand, 0 epochs, 2 updates so far." in " ".join(
        outcome.out.split()
    )
    assert run_command("doctor", with_records, "--json").document["status"] == "recorded"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "nowhere: there is no such folder"),
        ((), "no run was named. Give the folder that ranvier train or rv.Recorder wrote"),
        (("--explain", "990"), "--explain 990: no symptom has this number."),
    ],
)
def test_what_cannot_be_examined_is_the_callers_to_mend(tmp_path, monkeypatch, run_command, words,
                                                        message):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    outcome = run_command("doctor", *words)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())


def test_a_run_that_has_recorded_nothing_says_when_to_ask_again(tmp_path, run_command):
    folder = RunFolder.create(tmp_path / "run")
    write_document(folder.run, {})
    outcome = run_command("doctor", folder.path)
    assert outcome.code == 2
    assert "has recorded nothing yet. Ask again once it has begun." in " ".join(outcome.err.split())


def test_every_symptom_can_be_listed_and_explained(run_command):
    assert "no better than chance" in run_command("doctor", "--list").out
    outcome = run_command("doctor", "--explain", 13)
    assert outcome.code == 0
    assert outcome.out.startswith("13 · No better than chance")
    assert "Measured: " in outcome.out and "Do: " in outcome.out
    document = run_command("doctor", "--explain", 13, "--json").document
    assert document["number"] == 13 and document["stage"]
    assert len(run_command("doctor", "--list", "--json").document["symptoms"]) >= 50


def test_a_curve_marks_what_is_no_number_and_shows_decades_by_their_logarithm():
    assert sparkline([1.0, math.inf, math.nan, 2.0], width=4) == "▁××█"
    assert sparkline([1.0, 10.0, 100.0, 1000.0], width=4) == "▁▃▆█"
    assert len(sparkline([float(k) for k in range(1000)], width=60)) == 60


def test_nothing_that_the_doctor_does_needs_torch(make):
    run = make(finding(BAD), END)
    code = (
        "import sys\nfrom ranvier.cli.app import main\n"
        "codes = [main(['doctor', sys.argv[1]]), main(['doctor', '--explain', '6'])]\n"
        "assert 'torch' not in sys.modules, codes\nsys.exit(codes != [3, 0])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
