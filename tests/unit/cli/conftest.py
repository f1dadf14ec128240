"""A stand-in for the Python surface, so that the command line is tested by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import ranvier
from ranvier.cli.app import main
from ranvier.core.finding import Finding

SUMMARY: dict[str, Any] = {
    "status": "finished",
    "task": {"kind": "classification", "target": "sick", "classes": ["no", "yes"]},
    "metrics": {
        "train": {"accuracy": 0.99, "log_loss": 0.05},
        "validation": {"accuracy": 0.97, "log_loss": float("nan")},
        "test": {"accuracy": 0.96, "log_loss": 0.11},
    },
    "baseline": {"test": {"accuracy": 0.63, "log_loss": 0.66}},
    "primary_metric": "log_loss",
    "best_epoch": 7,
    "epochs": 12,
    "seconds": 75.0,
    "parameters": 12345,
    "findings": [],
}


@dataclass
class FakeRun:
    """What the command line uses of a run."""

    path: Path
    summary: dict[str, Any] = field(default_factory=lambda: dict(SUMMARY))
    findings: tuple[Finding, ...] = (
        Finding(
            severity="warning",
            symptom="an identifier",
            category="data",
            where="column id",
            advice="It was left out.",
        ),
    )

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        return self.summary["metrics"]

    def report(self) -> Path:
        return self.path / "report.html"

    def evaluate(self, source: str) -> dict[str, float]:
        return {"accuracy": 0.5, "log_loss": 0.7}

    def predict_table(self, source: str, *, top: int | None = None) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "prediction": ["yes", "no"],
                "probability_no": [0.25, 0.875],
                "probability_yes": [0.75, 0.125],
            }
        )


class FakeApi(SimpleNamespace):
    """Notes what it is asked, and answers with a fake run or raises `error`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(run=FakeRun(folder / "run"), calls=[], error=None)

    def _answer(self, *call: Any) -> FakeRun:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        return self.run

    def train(self, network: Any, source: Any, **options: Any) -> FakeRun:
        return self._answer("train", network, source, options)

    def resume(self, path: Any, source: Any = None, **options: Any) -> FakeRun:
        return self._answer("resume", path, source, options)

    def load(self, path: Any) -> FakeRun:
        return self._answer("load", path)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeApi:
    """The stand-in, in the place of `ranvier.api` for one test."""
    fake = FakeApi(tmp_path)
    monkeypatch.setitem(sys.modules, "ranvier.api", fake)
    monkeypatch.setitem(vars(ranvier), "api", fake)
    return fake


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def run_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Runs the command line on words and gives what it left, on a terminal 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ranvier", *map(str, words)])
        code = main()
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
