"""What a healing has tried and what came of it: plain data, part of every checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import msgspec

from ranvier.core.config import resolve, to_json
from ranvier.core.finding import Finding
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network

Reason = Literal["impossible", "refused", "halted", "diverged", "finished"]


@dataclass(frozen=True)
class Place:
    """A place in a training: after so many updates and epochs, and where its records end there."""

    step: int
    epoch: int
    events: dict[str, int] | None = None


START = Place(0, 0)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt ended: why, where, how good it was at its best, and what was wrong.

    `score` is the monitored value of the best epoch, lower is better; `metric` the task's own,
    higher is better. `errors` come with the primary cause first; `others` are their consequences,
    and warnings. `pace` is how far updates moved weights, relative to them. `checkpoint` is the
    number of the one that was saved there. `good` tells whether the best weights are worth going on
    from.
    """

    reason: Reason
    place: Place
    score: float | None = None
    metric: float | None = None
    errors: tuple[dict[str, Any], ...] = ()
    others: tuple[dict[str, Any], ...] = ()
    pace: float | None = None
    checkpoint: int | None = None
    good: bool = False

    @property
    def to_be_cured(self) -> list[Finding]:
        """The errors and what follows from them; warnings where there is no error."""
        consequences = [each for each in self.others if each["because"]]
        chosen = (*self.errors, *consequences) if self.errors else self.others
        return [Finding.from_json(each) for each in chosen]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A training under settings and a network of its own.

    `parent` is the attempt that `cure` changed because of `finding`, by position; `start` the place
    in it that this one goes on from. Its checkpoints are numbered from `first` on, so that a newer
    one has a higher number though steps are taken again. `known` counts the interventions that its
    records begin with; `best` is the place of its best evaluation; `alarms` counts evaluations in a
    row with an error. With `lets_be` it goes on to its end whatever is found.
    """

    settings: dict[str, Any]
    network: dict[str, Any]
    parent: int | None = None
    cure: str | None = None
    words: str = ""
    finding: dict[str, Any] | None = None
    start: Place = START
    first: int = 0
    known: int = 0
    best: Place | None = None
    metric: float | None = None
    alarms: int = 0
    lets_be: bool = False
    ending: Ending | None = None

    @classmethod
    def of(cls, settings: TrainSettings, network: Network, **fields: Any) -> Attempt:
        # Through JSON, so that it is the same before and after it lay in a checkpoint.
        plain = json.loads(json.dumps(to_json(settings)))
        return cls(settings=plain, network=json.loads(network.to_json()), **fields)

    @property
    def regimen(self) -> tuple[TrainSettings, Network]:
        """The settings and the network that it is trained with."""
        settings = resolve(TrainSettings, ("the checkpoint", self.settings))
        return settings, Network.from_json(json.dumps(self.network))

    @property
    def digest(self) -> str:
        """The same for the same settings and network."""
        text = json.dumps([self.settings, self.network], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def epochs(self) -> int:
        """How many epochs it took, or would take."""
        last = self.ending.place.epoch if self.ending else int(self.settings["epochs"])
        return last - self.start.epoch


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All attempts in order, the best of them so far, and the interventions that were judged."""

    attempts: tuple[Attempt, ...]
    incumbent: int | None = None
    interventions: tuple[dict[str, Any], ...] = ()

    @property
    def current(self) -> Attempt:
        return self.attempts[-1]

    @property
    def best(self) -> Attempt | None:
        """The attempt that all others are held against."""
        return None if self.incumbent is None else self.attempts[self.incumbent]

    def with_current(self, **changes: Any) -> Ledger:
        """The ledger with the attempt that is going on changed."""
        changed = replace(self.current, **changes)
        return replace(self, attempts=(*self.attempts[:-1], changed))

    def with_next(self, attempt: Attempt) -> Ledger:
        """The ledger with another attempt begun."""
        return replace(self, attempts=(*self.attempts, attempt))

    def checkpoint_number(self, step: int) -> int:
        """The number of the current attempt's checkpoint at `step`."""
        return self.current.first + step - self.current.start.step

    @property
    def held(self) -> tuple[int, ...]:
        """Checkpoints that may be gone back to, by number."""
        ending = None if self.best is None else self.best.ending
        return () if ending is None or ending.checkpoint is None else (ending.checkpoint,)

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.to_builtins(asdict(self))
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Ledger:
        return msgspec.convert(document, cls)
