"""The program as a whole: how fast it opens, what it exits with, what it says when it fails."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier.cli.app import VERBS
from ranvier.core.errors import DataError, StoppedError

HEAVY = ("torch", "numpy", "polars", "sklearn", "pandas")


def python(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_opens_in_under_three_tenths_of_a_second():
    # Processor time: on a machine that does nothing else it is the time one waits, and tests
    # beside this one do not change it.
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python("-m", "ranvier", "--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert statistics.median(times) < 0.3


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_imports_no_heavy_library(words):
    code = (
        "import sys\nfrom ranvier.cli.app import main\n"
        f"code = main({words!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code, file=sys.stderr)"
    )
    assert python("-c", code).stderr.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_help_and_has_its_own(run_command, verb):
    assert f" {verb} " in run_command("--help").out
    assert run_command(verb, "--help").out.startswith(f"Usage: ranvier {verb}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], 'Unknown command "trian". Did you mean "train"?'),
        (["train"], "SOURCE"),
        (["train", "x.csv", "--epoch", "3"], "Unknown option: --epoch. Did you mean --epochs?"),
        (["train", "x.csv", "y.csv"], "y.csv: not expected here. See ranvier train --help."),
        (["train", "x.csv", "--epochs"], "--epochs requires an argument"),
    ],
)
def test_a_usage_error_exits_2_and_says_what_to_mend(run_command, api, words, message):
    outcome = run_command(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_usage_error_is_a_document_under_json(run_command):
    outcome = run_command("train", "x.csv", "--epoch", "3", "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["kind"] == "UsageError"
    assert "Did you mean --epochs?" in outcome.document["error"]["message"]


def test_what_the_caller_can_mend_exits_2_without_a_traceback(run_command, api):
    api.error = DataError("x.csv: column 'agee' is not there. Did you mean 'age'?")
    outcome = run_command("train", "x.csv", "--json")
    assert outcome.code == 2
    assert outcome.document == {"error": {"kind": "DataError", "message": str(api.error)}}
    assert outcome.err == f"ranvier: {api.error}\n"


@pytest.mark.parametrize("code", [130, 143])
def test_a_stopped_training_exits_as_a_shell_expects(run_command, api, code):
    api.error = StoppedError("stopped after 3 steps with a checkpoint saved.", exit_code=code)
    outcome = run_command("train", "x.csv")
    assert outcome.code == code
    assert outcome.err == "ranvier: stopped after 3 steps with a checkpoint saved.\n"


def test_an_interruption_outside_training_exits_130(run_command, api):
    api.error = KeyboardInterrupt()
    outcome = run_command("train", "x.csv")
    assert (outcome.code, outcome.err) == (130, "ranvier: interrupted.\n")


def test_a_fault_of_ours_exits_1_and_keeps_its_traceback(run_command, api, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    api.error = ZeroDivisionError("a quotient")
    outcome = run_command("train", "x.csv", "--json")
    assert outcome.code == 1
    assert outcome.document["error"]["kind"] == "ZeroDivisionError"
    assert outcome.err.startswith(
        "ranvier: a fault of Ranvier's own, ZeroDivisionError: a quotient\nWhere it happened"
    )
    (kept,) = tmp_path.glob("ranvier-fault-*.txt")
    assert str(kept) in outcome.err
    assert "Traceback (most recent call last)" in kept.read_text()


def test_debug_shows_where_a_fault_of_ours_happened(run_command, api):
    api.error = ZeroDivisionError("a quotient")
    outcome = run_command("train", "x.csv", "--debug")
    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.err


def test_a_reader_who_leaves_early_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "ranvier", "train", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    words = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert words == b""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_terminal_will_do(encoding):
    shown = subprocess.run(
        [sys.executable, "-m", "ranvier", "describe", "–.json", "--input", "×", "--json"],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "30"},
        check=False,
    )
    assert shown.returncode == 2
    assert shown.stderr.startswith(b"ranvier: --input ")
    assert json.loads(shown.stdout.decode(encoding))["error"]["message"].startswith("--input ×:")


def test_the_module_runs_as_the_program_does():
    here = Path(__file__).resolve().parents[3]
    assert python("-m", "ranvier", "--version", cwd=here).returncode == 0
