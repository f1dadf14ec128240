"""Where the records of a training go: into a run's events, or into memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ranvier.runs.history import History

# Kinds that nothing is diagnosed from and that would fill the memory of a long training.
_NOT_KEPT = frozenset({"distributions", "executor", "evaluation"})
# Looks inside that are kept: beyond so many every second one is let go.
MOST_LOOKS = 2048
_LOOKS = ("weights", "activations")


class Journal(Protocol):
    """Takes records in order; `ranvier.runs.events.EventWriter` is one on disk."""

    def append(self, kind: str, payload: dict[str, Any]) -> None:
        """Add one record."""

    def position(self) -> dict[str, int]:
        """How far the records go, for a checkpoint to remember."""


class MemoryJournal:
    """Records kept in memory, for training that leaves no run directory."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def append(self, kind: str, payload: dict[str, Any]) -> None:
        self.records.append({"kind": kind, **payload})

    def position(self) -> dict[str, int]:
        return {"segment": 0, "offset": len(self.records)}


class RememberingJournal:
    """Writes records to another journal and keeps what can be diagnosed of them in memory.

    Every update's numbers are kept, 24 bytes each; looks inside are thinned once they are many, so
    that a training of any length can be read while it goes.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._seen = dict.fromkeys(_LOOKS, 0)
        self._every = dict.fromkeys(_LOOKS, 1)

    @property
    def history(self) -> History:
        """What was recorded so far."""
        return History(
            {"kind": kind, **record} for kind, kept in self._records.items() for record in kept
        )

    def append(self, kind: str, payload: dict[str, Any]) -> None:
        self._journal.append(kind, payload)
        self._keep(kind, payload)

    def position(self) -> dict[str, int]:
        return self._journal.position()

    def remember(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take in what was recorded before, as `read_events` gives it; it is not written again."""
        for record in records:
            self._keep(record["kind"], {k: v for k, v in record.items() if k != "kind"})

    def _keep(self, kind: str, payload: Mapping[str, Any]) -> None:
        if kind in _NOT_KEPT:
            return
        kept = self._records.setdefault(kind, [])
        if kind == "window":
            kept.append({key: _packed(value) for key, value in payload.items()})
            return
        if kind in _LOOKS:
            self._seen[kind] += 1
            if (self._seen[kind] - 1) % self._every[kind]:
                return
            if len(kept) >= MOST_LOOKS:
                del kept[1::2]
                self._every[kind] *= 2
        kept.append(dict(payload))


def _packed(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return array("d", [math.nan if number is None else number for number in value])
