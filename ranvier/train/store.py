"""When a checkpoint is due, and where it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ranvier.runs import checkpoints


@dataclass(frozen=True)
class Cursor:
    """A place in a training: after `step` updates, `step_in_epoch` of them in `epoch`."""

    step: int
    epoch: int
    step_in_epoch: int


ANY_NUMBER = 2**62
Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]


class Store(Protocol):
    """Takes checkpoints; asked after every call of updates and every evaluation."""

    def due(self, cursor: Cursor) -> bool:
        """Whether to save here."""

    def most_steps(self, cursor: Cursor) -> int:
        """How many updates may pass from here before it must be asked again."""

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        """Keep a checkpoint of this place."""

    def before(self, step: int) -> Checkpoint | None:
        """The newest checkpoint of fewer than `step` updates that is kept, if one is."""


class NoStore:
    """For training that leaves nothing on disk."""

    def due(self, cursor: Cursor) -> bool:
        return False

    def most_steps(self, cursor: Cursor) -> int:
        return ANY_NUMBER

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        return

    def before(self, step: int) -> Checkpoint | None:
        return None


class FolderStore:
    """Saves into a run's checkpoints, at least `seconds` apart, and keeps the newest two."""

    def __init__(self, folder: Path, *, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        self._last = time.monotonic()

    def due(self, cursor: Cursor) -> bool:
        return time.monotonic() - self._last >= self.seconds

    def most_steps(self, cursor: Cursor) -> int:
        # Who wants a checkpoint after every update gets it.
        return ANY_NUMBER if self.seconds else 1

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        checkpoints.save(self.folder, cursor.step, tensors, document)
        checkpoints.prune(self.folder, keep=2)
        self.saved()

    def saved(self) -> None:
        """The next one is due so many seconds from now."""
        self._last = time.monotonic()

    def before(self, step: int) -> Checkpoint | None:
        return self.newest_of(0, step)

    def newest_of(self, first: int, last: int) -> Checkpoint | None:
        """The newest checkpoint of a number from `first` to below `last`."""
        numbers = [number for number in checkpoints.steps(self.folder) if first <= number < last]
        if not numbers:
            return None
        _, tensors, document = checkpoints.load(self.folder, numbers[-1])
        return tensors, document
