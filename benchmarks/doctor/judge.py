"""What the doctor says of every history kept, held against what is known of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.doctor.cases import Case
from benchmarks.doctor.faults import FAULTS, Fault
from benchmarks.doctor.interval import wilson
from benchmarks.doctor.programs import PROGRAMS
from benchmarks.doctor.record import kept
from ranvier.core.finding import Finding
from ranvier.diagnose import diagnose
from ranvier.runs.history import History

# A fault of outcome spoils a run that ends further than this below its twin.
SPOILT = 0.02
ALARMS = ("warning", "error")


@dataclass(frozen=True)
class Verdict:
    """The doctor's findings on a run, the primary cause first; its score and its twin's.

    `crash` is what the recorder or a rule ended with, which none should.
    """

    case: Case
    findings: list[Finding]
    score: float
    twin: float | None
    crash: str | None = None

    @property
    def family(self) -> str:
        """That of the network."""
        return PROGRAMS[self.case.program].family

    @property
    def fault(self) -> Fault | None:
        """What was done to the program."""
        return None if self.case.fault is None else FAULTS[self.case.fault]

    @property
    def counts(self) -> bool:
        """Whether it is a fault at all: structural, or one that spoilt the score."""
        if self.fault is None or self.fault.is_structural:
            return self.fault is not None
        return self.twin is not None and not self.score >= self.twin - SPOILT

    @property
    def has_error(self) -> bool:
        """Whether anything was called an error."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def has_alarm(self) -> bool:
        """Whether anything was called an error or a warning."""
        return any(finding.severity in ALARMS for finding in self.findings)

    @property
    def is_right(self) -> bool:
        """Whether the primary cause is one that is accepted for this fault."""
        if self.fault is None or not self.has_alarm:
            return False
        return self.findings[0].category in self.fault.categories

    @property
    def is_named(self) -> bool:
        """Whether the fault's very row of the catalogue is among the errors and warnings."""
        return self.fault is not None and any(
            finding.number == self.fault.number and finding.severity in ALARMS
            for finding in self.findings
        )


def verdicts(cases: Sequence[Case], folder: Path) -> list[Verdict]:
    """The doctor's verdict on each case that is kept."""
    found = []
    scores: dict[Case, float] = {}
    for case in cases:
        run = kept(case, folder)
        if run is None:
            continue
        head, records = run
        if case.fault is None:
            scores[case] = head["score"]
        elif case.twin not in scores and (healthy := kept(case.twin, folder)) is not None:
            scores[case.twin] = healthy[0]["score"]
        findings, crash = _said_of(History(records))
        twin = scores.get(case.twin)
        found.append(Verdict(case, findings, head["score"], twin, head["crash"] or crash))
    return found


def _said_of(history: History) -> tuple[list[Finding], str | None]:
    try:
        return diagnose(history), None
    except Exception as failure:  # of a rule: to be counted and mended, not to die of
        return [], f"{type(failure).__name__}: {failure}"


# Counting.


@dataclass(frozen=True)
class Share:
    """How many of how many, with the interval in which the true share lies."""

    count: int
    total: int

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "total": self.total,
            "interval": wilson(self.count, self.total),
        }

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = wilson(self.count, self.total)
        return f"{self.count}/{self.total} = {self.count / self.total:.0%} ({low:.0%}–{high:.0%})"


def _share(verdicts: Sequence[Verdict], is_so: Callable[[Verdict], bool]) -> Share:
    return Share(sum(map(is_so, verdicts)), len(verdicts))


def faults_of(verdicts: Iterable[Verdict]) -> dict[str, Share]:
    """Detection and cause, over the runs with a fault that counts."""
    faulty = [each for each in verdicts if each.counts]
    return {
        "found": _share(faulty, lambda each: each.has_alarm),
        "found as an error": _share(faulty, lambda each: each.has_error),
        "right cause": _share(faulty, lambda each: each.is_right),
        "row named": _share(faulty, lambda each: each.is_named),
    }


def alarms_of(verdicts: Iterable[Verdict]) -> dict[str, Share]:
    """False alarms, over the healthy runs."""
    healthy = [each for each in verdicts if each.fault is None]
    return {
        "error": _share(healthy, lambda each: each.has_error),
        "error or warning": _share(healthy, lambda each: each.has_alarm),
    }
