"""The doctor beside a training: findings while it goes, and the verdict at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from ranvier.core.errors import DivergedError
from ranvier.core.finding import Finding
from ranvier.diagnose import AT_THE_END, RULES, Stage, diagnose
from ranvier.diagnose.evidence import Evidence, TrialFacts
from ranvier.diagnose.judge import RANK, stage_of
from ranvier.runs.history import History
from ranvier.train.trainer import Trainer

# A diagnosis may take this share of the time that was trained since the one before.
SHARE = 0.01
# Before one was made: about what it takes on a short history.
FIRST_SECONDS = 5e-3
# What shows in how training goes must show twice: the first updates are restless.
SHOWN_TWICE = frozenset(
    {Stage.LEARNING_RATE, Stage.SIGNAL_FLOW, Stage.LEARNING, Stage.OUTCOME, Stage.GENERALISATION}
)


class Doctor:
    """A watcher that diagnoses a training after evaluations, as often as costs little.

    A finding of warning or error level is told and recorded when it is new or has become worse.
    Where a training has ended and falls short, `trials` are made and recorded, once.
    """

    def __init__(self, trials: Callable[[], Sequence[TrialFacts]] | None = None) -> None:
        self._trials = trials
        self._seconds = FIRST_SECONDS
        self._ready = time.perf_counter()
        self._suspected: dict[int, int] = {}

    def evaluated(self, trainer: Trainer) -> None:
        """Diagnose, unless that would cost more than its share; the end is `concluded` later."""
        started = time.perf_counter()
        if trainer.finished is not None:
            self._try(trainer)
            return
        if started - self._ready < self._seconds / SHARE:
            return
        history = trainer.history
        asked = [number for number in RULES if number not in AT_THE_END]
        found = self._confirmed(diagnose(history, numbers=asked))
        for finding in news(found, history):
            trainer.journal.append("finding", {"step": trainer.cursor.step, **finding.to_json()})
            trainer.progress.say(f"step {trainer.cursor.step}: {finding}")
        self._ready = time.perf_counter()
        self._seconds = self._ready - started

    def _try(self, trainer: Trainer) -> None:
        if self._trials is None or not Evidence(trainer.history).falls_short:
            return
        trainer.progress.say("it ended with much left to learn: trying what would have helped")
        trials = [asdict(each) for each in self._trials()]
        trainer.journal.append("trials", {"step": trainer.cursor.step, "trials": trials})

    def diverged(self, trainer: Trainer, error: DivergedError) -> None:
        """Nothing: what is to be said is in the error and in the verdict."""

    def concluded(self, history: History) -> Sequence[Finding]:
        """The verdict on the whole training, the primary cause first."""
        return diagnose(history)

    def _confirmed(self, found: list[Finding]) -> list[Finding]:
        """Those that showed the last time too, as severely, where a symptom must."""
        before, self._suspected = self._suspected, worst_of(found)
        return [
            finding
            for finding in found
            if stage_of(finding) not in SHOWN_TWICE
            or before.get(finding.number, len(RANK)) <= RANK[finding.severity]
        ]


def worst_of(findings: Sequence[Finding]) -> dict[int, int]:
    """By number of the symptom the rank of its most severe finding, 0 an error."""
    worst: dict[int, int] = {}
    for finding in findings:
        rank = RANK[finding.severity]
        worst[finding.number] = min(rank, worst.get(finding.number, rank))
    return worst


def news(findings: Sequence[Finding], history: History) -> list[Finding]:
    """Warnings and errors whose symptom was not yet recorded, or not as severely."""
    known = worst_of([Finding.from_json(record) for record in history.of("finding")])
    return [
        finding
        for finding in findings
        if finding.number
        and finding.severity != "information"
        and RANK[finding.severity] < known.get(finding.number, len(RANK))
    ]
