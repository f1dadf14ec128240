"""Where the records of a training go: into a run's events, or into memory."""

from __future__ import annotations

from typing import Any, Protocol


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
