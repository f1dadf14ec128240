"""A training that mends itself: attempts in one run, each under settings and a network of its own.

An attempt is an ordinary training. Where an error is found it ends, with a checkpoint; the first
cure that was not tried is applied to the best attempt so far, and the next one begins: from the
best weights of that attempt if they are good and the cure leaves them their meaning, else from the
first step. What came out better is kept, and what did not is undone. All that is decided follows
from the ledger in the checkpoint, so a run that was killed takes the same way again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ranvier.core.errors import RanvierError
from ranvier.core.finding import Finding
from ranvier.metrics import primary_metric
from ranvier.runs import checkpoints
from ranvier.runs.documents import write_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.healing.judgement import Doctor, judged, next_attempt, resumption, said
from ranvier.train.healing.ledger import START, Attempt, Ending, Ledger
from ranvier.train.healing.store import BEGINS, DIVERGED, LEDGER, AttemptStore
from ranvier.train.healing.watching import Ended, Watching
from ranvier.train.journal import MemoryJournal
from ranvier.train.progress import Progress, Silent
from ranvier.train.session import Session
from ranvier.train.store import Checkpoint, Cursor, NoStore

Summary = dict[str, Any]


class Refused(Exception):
    """Preflight would not let a training begin, for these errors; `error` tells people so."""

    def __init__(self, errors: Sequence[Finding], error: RanvierError) -> None:
        super().__init__(str(error))
        self.errors = tuple(errors)
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Healing:
    """A run that heals itself.

    `session(settings, network, begins)` makes the training of these; where it `begins`, preflight
    is made, its records open the session, and Refused is raised for an error.
    """

    run: RunFolder
    settings: TrainSettings
    network: Network
    doctor: Doctor
    session: Callable[[TrainSettings, Network, bool], Session]
    progress: Progress

    def begin(self) -> Summary:
        """Train from the first step to the end; the summary comes back."""
        first = Attempt.of(self.settings, self.network)
        return self._train(Ledger(attempts=(first,)), None)

    def resume(self) -> Summary:
        """Go on exactly where the newest checkpoint stands; the summary comes back."""
        if not checkpoints.steps(self.run.checkpoints):
            return self.begin()
        _, tensors, document = checkpoints.load(self.run.checkpoints)
        return self._train(Ledger.from_json(document[LEDGER]), (tensors, document))

    def _train(self, ledger: Ledger, checkpoint: Checkpoint | None) -> Summary:
        while True:
            try:
                if ledger.current.ending is not None:
                    ledger, checkpoint = self._next(ledger), None
                return self._attempt(ledger, checkpoint)
            except Ended as ended:
                ledger, checkpoint = ended.ledger, None

    def _next(self, ledger: Ledger) -> Ledger:
        """The ledger with the next attempt in it: the first change not tried, or the best again."""
        before = len(ledger.interventions)
        ledger = judged(ledger)
        for record in ledger.interventions[before:]:
            self.progress.say(said(record))
        attempt = next_attempt(ledger, self.doctor)
        best = ledger.best
        assert best is not None and best.ending is not None
        if attempt is None:
            attempt = resumption(ledger)
            if best.ending.errors:
                symptom = best.ending.errors[0]["symptom"]
                self.progress.say(f"healing: there is no further cure to try for: {symptom}")
        else:
            assert attempt.finding is not None
            epoch = attempt.start.epoch
            back = f"back to epoch {epoch}" if epoch else "from the start"
            found = f"{attempt.finding['symptom']} ({attempt.finding['where']})"
            self.progress.say(f"healing: {found}: {attempt.cure}, {back}. {attempt.words}")
        number = max(checkpoints.steps(self.run.checkpoints), default=-1) + 1
        known = len(ledger.interventions)
        return ledger.with_next(replace(attempt, first=number, known=known))

    def _attempt(self, ledger: Ledger, checkpoint: Checkpoint | None) -> Summary:
        attempt = ledger.current
        settings, _ = attempt.regimen
        is_taken_up = attempt.lets_be and attempt.start != START
        session = self._session(ledger, begins=checkpoint is None and not is_taken_up)
        watching = Watching(
            ledger,
            self.doctor,
            metric=primary_metric(session.job.task),
            inner=session.watcher,
        )
        store = AttemptStore(
            self.run.checkpoints,
            seconds=settings.checkpoint_seconds,
            ledger=lambda: watching.ledger,
        )
        opening = (*session.opening, *_told(ledger))
        session = replace(
            session,
            watcher=watching,
            store=store,
            opening=opening,
            story=lambda: self._story(watching),
        )
        if checkpoint is None and attempt.start == START:
            return session.begin()
        if checkpoint is None:
            tensors, document = self._start(ledger, session)
            checkpoint = tensors, {**document, BEGINS: True}
            store.save(Cursor(**document["cursor"]), *checkpoint)
        # A start is saved before its records are written, so they are written whenever it is taken.
        records = opening if checkpoint[1].get(BEGINS) else ()
        return session.go_on(checkpoint, records=records)

    def _session(self, ledger: Ledger, *, begins: bool) -> Session:
        """The attempt's training; one that cannot be is over before it began."""
        settings, network = ledger.current.regimen
        try:
            return self.session(settings, network, begins)
        except Refused as refused:
            if ledger.current.lets_be:
                raise refused.error from None
            errors = tuple(finding.to_json() for finding in refused.errors)
            ending = Ending(reason="refused", place=START, errors=errors)
        except RanvierError:
            # What a cure made of the network or the settings does not fit the data.
            if ledger.current.cure is None:
                raise
            ending = Ending(reason="impossible", place=START)
        raise Ended(ledger.with_current(ending=ending)) from None

    def _start(self, ledger: Ledger, session: Session) -> Checkpoint:
        """Where an attempt goes on that does not begin at the first step."""
        attempt = ledger.current
        assert attempt.parent is not None
        parent = ledger.attempts[attempt.parent]
        assert parent.ending is not None and parent.ending.checkpoint is not None
        _, tensors, document = checkpoints.load(self.run.checkpoints, parent.ending.checkpoint)
        if attempt.lets_be:
            return _taken_up(parent.ending, tensors, document)
        return _rolled_back(attempt, session, tensors, document)

    def _story(self, watching: Watching) -> dict[str, Any]:
        """What the summary says of the healing, once the network that came of it is in place."""
        ledger = watching.ledger
        first, last = ledger.attempts[0], ledger.current
        earlier = sum(attempt.epochs for attempt in ledger.attempts[:-1])
        if last.network != first.network:
            write_document(self.run.network, last.network)
        before, after = first.settings, last.settings
        changed = {name: after[name] for name in after if after[name] != before[name]}
        return {
            "interventions": list(ledger.interventions),
            "changed": changed,
            "epochs_of_attempts": earlier + watching.epoch - last.start.epoch,
        }


def _taken_up(ending: Ending, tensors: dict[str, Any], document: dict[str, Any]) -> Checkpoint:
    """The place where an attempt ended, to be left alone from there on."""
    if ending.reason != "diverged":
        return tensors, document
    # Its weights are lost; what is left are the best ones, and nothing of it waits to be written.
    kept = {name: t for name, t in tensors.items() if not name.startswith("recorder/")}
    recorder = {"rates": [], "rows": [], "loss_sum": 0.0, "row_sum": 0}
    return kept, {**document, "recorder": recorder, "finished": DIVERGED}


def _rolled_back(
    attempt: Attempt, session: Session, tensors: dict[str, Any], document: dict[str, Any]
) -> Checkpoint:
    """The best evaluation of an attempt as a checkpoint of the next: its weights, all else new.

    The optimiser begins without memory: what it holds was gathered on the way into the fault.
    """
    job, best = session.job, document["best"]
    named = {**dict(job.module.named_parameters()), **dict(job.module.named_buffers())}
    with torch.no_grad():
        for name, tensor in named.items():
            for kind in ("parameter", "buffer"):
                kept = tensors.get(f"best/{kind}/{name}")
                if kept is not None:
                    tensor.copy_(kept)
    trainer = job.trainer(MemoryJournal(), NoStore(), Silent())
    start = attempt.start
    scores = {**best, "scores": best["scores"][: start.epoch], "evaluations_since": 0}
    trainer.best.load(tensors, scores)
    trainer.cursor = Cursor(start.step, start.epoch, 0)
    trainer.seconds_before = document["seconds"]
    made, placed = trainer.checkpoint()
    random = {name: t for name, t in tensors.items() if name.startswith("random/")}
    return {**made, **random}, {**placed, "events": start.events}


def _told(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    """The interventions that the records which this attempt goes on from do not hold."""
    attempt = ledger.current
    parent = None if attempt.parent is None else ledger.attempts[attempt.parent]
    first = parent.known if parent is not None and attempt.start != START else 0
    return [("intervention", record) for record in ledger.interventions[first : attempt.known]]
