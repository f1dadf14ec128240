"""Whether a cure helped, what is tried next, and when to stop: pure functions of the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Protocol

from ranvier.core.finding import Finding
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.healing.ledger import START, Attempt, Ending, Ledger, Place

MOST_INTERVENTIONS = 6
# An attempt is ended for an error only after this share of its epochs, and if the error was there
# at so many evaluations in a row: the first steps of a healthy training may look like a fault.
SHARE_BEFORE_HALT, ALARMS_BEFORE_HALT = 0.2, 2
# Scores within this share of each other are the same; where errors are left, a change must bring
# more to be kept, since something is still wrong and a little is gained by chance.
TOLERANCE, TOLERANCE_WITH_ERRORS = 0.01, 0.05


class Proposal(Protocol):
    """A cure applied: what a training would be under it.

    `keeps_weights` tells whether weights learnt before still mean something under it, `stands_out`
    that it undoes what is far from usual.
    """

    @property
    def cure(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def keeps_weights(self) -> bool: ...
    @property
    def stands_out(self) -> bool: ...
    @property
    def settings(self) -> TrainSettings: ...
    @property
    def network(self) -> Network: ...


class Doctor(Protocol):
    """Who reads histories and proposes cures, as a healing needs it."""

    @property
    def usual(self) -> TrainSettings:
        """The settings that the data would get where nothing was asked for."""

    def findings(self, history: History, *, is_over: bool) -> list[Finding]:
        """What is wrong with the training, the primary cause first."""

    def pace(self, history: History) -> float | None:
        """How far an update moves weights, relative to them, if that was recorded."""

    def is_good(self, history: History) -> bool:
        """Whether what was learnt by the end of the history is worth going on from."""

    def proposals(
        self, finding: Finding, settings: TrainSettings, network: Network
    ) -> Iterable[Proposal]:
        """What can be tried for the finding, one change at a time, the first choice first."""

    def refinements(
        self, cure: str, pace: float | None, settings: TrainSettings, network: Network
    ) -> Iterable[Proposal]:
        """What a cure that helped can be taken on to, from a training of that pace."""


def is_to_be_halted(attempt: Attempt, epoch: int) -> bool:
    """Whether an error has stood for long enough, `epoch` epochs into the training."""
    planned = int(attempt.settings["epochs"]) - attempt.start.epoch
    done = epoch - attempt.start.epoch
    return attempt.alarms >= ALARMS_BEFORE_HALT and done >= SHARE_BEFORE_HALT * planned


def judged(ledger: Ledger) -> Ledger:
    """The ledger once the attempt that has just ended was held against the best one so far."""
    current, best = ledger.current, ledger.best
    assert current.ending is not None
    here = len(ledger.attempts) - 1
    if current.ending.reason == "impossible":
        return ledger
    if best is None or current.cure is None:
        return replace(ledger, incumbent=here)
    is_kept = has_helped(current, best)
    record = intervention(here, best, current, is_kept=is_kept)
    return replace(
        ledger,
        incumbent=here if is_kept else ledger.incumbent,
        interventions=(*ledger.interventions, record),
    )


def has_helped(new: Attempt, old: Attempt) -> bool:
    """Whether the new attempt came out better: without the errors, or with a better score.

    An attempt that never began, or whose numbers overflowed, is no gain over one that trained.
    """
    one, other = new.ending, old.ending
    assert one is not None and other is not None
    if one.reason == "refused":
        return other.reason == "refused" and len(one.errors) < len(other.errors)
    if one.reason == "diverged" and other.reason != "diverged":
        return False
    if not one.errors and other.errors:
        return other.score is None or not _is_better(other, one, _share_a_loss(new, old))
    return _is_better(one, other, _share_a_loss(new, old))


def _share_a_loss(new: Attempt, old: Attempt) -> bool:
    return new.settings["loss"] == old.settings["loss"]


def _is_better(one: Ending, other: Ending, by_score: bool) -> bool:
    """Clearly better: by the monitored value, or by the task's metric where losses differ."""
    if by_score:
        mine, theirs = one.score, other.score
    else:
        mine, theirs = (None if e.metric is None else -e.metric for e in (one, other))
    if mine is None or theirs is None:
        return mine is not None
    tolerance = TOLERANCE_WITH_ERRORS if one.errors else TOLERANCE
    return mine < theirs - tolerance * abs(theirs)


def next_attempt(ledger: Ledger, doctor: Doctor) -> Attempt | None:
    """The first change of the best attempt so far that was not tried; None if all is done.

    All is done where nothing is wrong with it, nothing is left to try, or the bounds are reached:
    so many interventions, and twice the epochs that were asked for, or that the data would get.
    Once a cure was needed, warnings are followed too, and a cure that helped is taken further.
    """
    best = ledger.best
    assert best is not None and best.ending is not None
    if len(ledger.interventions) >= MOST_INTERVENTIONS:
        return None
    tried = {attempt.digest for attempt in ledger.attempts}
    for finding, proposal in _proposed(best, doctor):
        start = _start(best, proposal)
        attempt = Attempt.of(
            proposal.settings,
            proposal.network,
            parent=ledger.incumbent,
            cure=proposal.cure,
            words=proposal.words,
            finding=finding.to_json(),
            start=start,
            best=best.best if start != START else None,
            metric=best.ending.metric if start != START else None,
        )
        if attempt.digest not in tried and attempt.epochs <= epochs_left(ledger, doctor):
            return attempt
    return None


def _proposed(best: Attempt, doctor: Doctor) -> Iterator[tuple[Finding, Proposal]]:
    """What can be changed about an attempt: first what stands out, whatever it shows in; then of
    each finding the first cure, of each the second, and so on."""
    ending = best.ending
    assert ending is not None
    if not ending.errors and best.cure is None:
        return
    settings, network = best.regimen
    if not ending.errors and best.cure is not None and best.finding is not None:
        cause = Finding.from_json(best.finding)
        for proposal in doctor.refinements(best.cure, ending.pace, settings, network):
            yield cause, proposal
    each = [
        [(finding, proposal) for proposal in doctor.proposals(finding, settings, network)]
        for finding in ending.to_be_cured
    ]
    in_turn = [pair for row in zip_longest(*each) for pair in row if pair is not None]
    yield from sorted(in_turn, key=lambda pair: not pair[1].stands_out)


def _start(best: Attempt, proposal: Proposal) -> Place:
    ending = best.ending
    assert ending is not None
    # Batches of another size are other steps: there is no going on in the middle.
    is_aligned = proposal.settings.batch_size == best.settings["batch_size"]
    if not (proposal.keeps_weights and ending.good and best.best is not None and is_aligned):
        return START
    # With little left of its time a change could not show.
    planned = proposal.settings.epochs or 0
    is_late = ending.reason == "finished" and 2 * best.best.epoch > planned
    return START if is_late else best.best


def epochs_left(ledger: Ledger, doctor: Doctor) -> int:
    """How many epochs may still be trained beyond those of the first attempt."""
    first, *others = ledger.attempts
    allowed = 2 * max(int(first.settings["epochs"]), doctor.usual.epochs or 0)
    return allowed - sum(attempt.epochs for attempt in others)


def resumption(ledger: Ledger) -> Attempt:
    """The best attempt taken up where it ended, to be left alone from there."""
    best = ledger.best
    assert best is not None and best.ending is not None
    is_lost = best.ending.reason == "diverged" and best.best is None
    begins_again = best.ending.checkpoint is None or is_lost
    return replace(
        best,
        parent=ledger.incumbent,
        cure=None,
        start=START if begins_again else best.ending.place,
        alarms=0,
        lets_be=True,
        ending=None,
    )


def intervention(place: int, old: Attempt, new: Attempt, *, is_kept: bool) -> dict[str, Any]:
    """What the run's history and summary say of a cure that was tried."""
    one, other = new.ending, old.ending
    assert one is not None and other is not None and new.finding is not None
    before, after = changes(old, new)
    return {
        "attempt": place,
        "step": other.place.step,
        "epoch": other.place.epoch,
        "symptom": new.finding["symptom"],
        "number": new.finding["number"],
        "where": new.finding["where"],
        "cure": new.cure,
        "before": before,
        "after": after,
        "words": new.words,
        "back_to": {"step": new.start.step, "epoch": new.start.epoch},
        "epochs": new.epochs,
        "score_before": other.score,
        "score_after": one.score,
        "metric_before": other.metric,
        "metric_after": one.metric,
        "errors_after": [error["symptom"] for error in one.errors],
        "outcome": "helped" if is_kept else "undone",
    }


def changes(old: Attempt, new: Attempt) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that differ, and the network if it does, before and after."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in old.settings:
        one, other = old.settings[name], new.settings[name]
        if one != other and not _is_told_elsewhere(name, one, other):
            before[name], after[name] = one, other
    if old.network != new.network:
        before["network"], after["network"] = (repr(a.regimen[1]) for a in (old, new))
    return before, after


def _is_told_elsewhere(name: str, one: Any, other: Any) -> bool:
    """Whether an optimiser differs only by what is a setting of its own."""
    if name != "optimizer" or not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    own = {"learning_rate", "weight_decay"}
    return all(one.get(key) == other.get(key) for key in (one.keys() | other.keys()) - own)


def said(record: dict[str, Any]) -> str:
    """An intervention that was judged, in one sentence."""
    one, other = record["score_before"], record["score_after"]
    known = [value for value in (one, other) if value is not None and math.isfinite(value)]
    scores = f" (score {one:.4g} before, {other:.4g} after)" if len(known) == 2 else ""
    if record["outcome"] == "helped":
        left = record["errors_after"]
        still = f"; still: {left[0]}" if left else ""
        return f"healing: {record['cure']} helped{scores}{still}"
    return f"healing: {record['cure']} did not help and is undone{scores}"
