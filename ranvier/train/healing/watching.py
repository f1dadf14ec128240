"""Reads along with an attempt, and ends it where something is wrong that a cure is known for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ranvier.core.errors import DivergedError
from ranvier.core.finding import Finding
from ranvier.metrics import higher_is_better
from ranvier.runs.history import History
from ranvier.train.healing.judgement import (
    Doctor,
    is_to_be_halted,
    judged,
    next_attempt,
    said,
)
from ranvier.train.healing.ledger import Ending, Ledger, Place, Reason
from ranvier.train.trainer import Trainer
from ranvier.train.watcher import Watcher


class Ended(Exception):
    """An attempt is over, and the ledger says what is to be made of it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__("an attempt is over")
        self.ledger = ledger


class Watching:
    """The watcher of one attempt: keeps the ledger, which every checkpoint holds.

    `inner` is who would watch an ordinary training. `metric` is the task's own. `epoch` counts
    those that are done.
    """

    def __init__(
        self, ledger: Ledger, doctor: Doctor, *, metric: str, inner: Watcher | None
    ) -> None:
        self.ledger = ledger
        self.doctor = doctor
        self.metric = metric
        self.inner = inner
        self.epoch = ledger.current.start.epoch

    def evaluated(self, trainer: Trainer) -> None:
        """Look for errors; end the attempt if they stay, or if it is at its end with them."""
        if self.inner is not None:
            self.inner.evaluated(trainer)
        self.epoch = trainer.cursor.epoch
        self._note_best(trainer)
        if self.ledger.current.lets_be:
            return
        is_over = trainer.finished is not None
        found = self.doctor.findings(trainer.history, is_over=is_over)
        alarms = self.ledger.current.alarms + 1 if _errors(found) else 0
        self.ledger = self.ledger.with_current(alarms=alarms)
        if is_over:
            self._conclude(trainer, "finished", found)
        elif is_to_be_halted(self.ledger.current, trainer.cursor.epoch):
            self._conclude(trainer, "halted", found)

    def diverged(self, trainer: Trainer, error: DivergedError) -> None:
        """End the attempt, unless it is to be left alone."""
        if self.inner is not None:
            self.inner.diverged(trainer, error)
        if self.ledger.current.lets_be:
            return
        found = self.doctor.findings(trainer.history, is_over=True)
        self._conclude(trainer, "diverged", found)

    def concluded(self, history: History) -> Sequence[Finding]:
        """The verdict is the ordinary watcher's."""
        return [] if self.inner is None else self.inner.concluded(history)

    def _note_best(self, trainer: Trainer) -> None:
        cursor = trainer.cursor
        if trainer.best.epoch != cursor.epoch:
            return
        place = Place(cursor.step, cursor.epoch, trainer.journal.position())
        validation: dict[str, Any] = trainer.history.epochs[-1]["validation"]
        value = validation.get(self.metric)
        if value is not None and not higher_is_better(self.metric):
            value = -value
        self.ledger = self.ledger.with_current(best=place, metric=value)

    def _conclude(self, trainer: Trainer, reason: Reason, found: list[Finding]) -> None:
        """End the attempt, or go on with it where there is nothing better to do."""
        ended = self.ledger.with_current(ending=self._ending(trainer, reason, found))
        settled = judged(ended)
        stays = settled.incumbent == len(settled.attempts) - 1
        keeps_going = stays and next_attempt(settled, self.doctor) is None
        if keeps_going and (reason != "diverged" or trainer.best.epoch is None):
            self._stay(trainer, settled)
            return
        self.ledger = ended
        trainer.save()
        raise Ended(ended)

    def _stay(self, trainer: Trainer, settled: Ledger) -> None:
        known = settled.current.known
        for record in settled.interventions[known:]:
            trainer.journal.append("intervention", record)
            trainer.progress.say(said(record))
        ending = settled.current.ending
        if ending is not None and ending.errors:
            symptom = ending.errors[0]["symptom"]
            trainer.progress.say(f"healing: there is no further cure to try for: {symptom}")
        self.ledger = settled.with_current(
            ending=None, lets_be=True, known=len(settled.interventions)
        )

    def _ending(self, trainer: Trainer, reason: Reason, found: list[Finding]) -> Ending:
        current, cursor, best = self.ledger.current, trainer.cursor, trainer.best
        score = best.score if best.epoch is not None and math.isfinite(best.score) else None
        place = Place(cursor.step, cursor.epoch, trainer.journal.position())
        good = current.best is not None and self.doctor.is_good(
            up_to(trainer.history, current.best.step)
        )
        return Ending(
            reason=reason,
            place=place,
            score=score,
            metric=current.metric,
            errors=tuple(_errors(found)),
            others=tuple(f.to_json() for f in found if f.because or f.severity == "warning"),
            pace=self.doctor.pace(trainer.history),
            checkpoint=self.ledger.checkpoint_number(cursor.step),
            good=good,
        )


def _errors(found: Sequence[Finding]) -> list[dict[str, Any]]:
    return [finding.to_json() for finding in found if finding.severity == "error"]


def up_to(history: History, step: int) -> History:
    """What was recorded by the time of `step`."""
    return History(
        {"kind": kind, **record}
        for kind, records in history.to_json().items()
        for record in records
        if record.get("step", 0) <= step
    )
