"""Checkpoints of a healed run: numbered through all attempts, each with the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ranvier.runs import checkpoints
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.healing.ledger import Ledger
from ranvier.train.store import Checkpoint, Cursor, FolderStore

LEDGER = "healing"
# Marks the checkpoint that an attempt begins with, where it does not begin at the first step.
BEGINS = "begins"
# Why a training ended of which only the best weights are left.
DIVERGED = "diverged"


class AttemptStore(FolderStore):
    """Saves with the ledger of that moment, and keeps what may be gone back to besides the newest.

    Attempts take the same steps again, so checkpoints are numbered by the ledger: the newest is
    always the one with the highest number.
    """

    def __init__(self, folder: Path, *, seconds: float, ledger: Callable[[], Ledger]) -> None:
        super().__init__(folder, seconds=seconds)
        self._ledger = ledger

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        ledger = self._ledger()
        number = ledger.checkpoint_number(cursor.step)
        checkpoints.save(self.folder, number, tensors, {**document, LEDGER: ledger.to_json()})
        checkpoints.prune(self.folder, keep=2, held=self._held(ledger))
        self.saved()

    def before(self, step: int) -> Checkpoint | None:
        ledger = self._ledger()
        return self.newest_of(ledger.current.first, ledger.checkpoint_number(step))

    def _held(self, ledger: Ledger) -> set[int]:
        """What may be gone back to, and what came right before it, so that it can be proved."""
        known = checkpoints.steps(self.folder)
        before = {max((n for n in known if n < end), default=end) for end in ledger.held}
        return {*ledger.held, *before}


def trainings(document: Mapping[str, Any]) -> frozenset[int]:
    """The attempts, by position, whose settings a checkpoint goes on with unchanged.

    That is its own, and of one that was taken up where it ended also that one.
    """
    if LEDGER not in document:
        return frozenset({0})
    attempts = Ledger.from_json(document[LEDGER]).attempts
    place = len(attempts) - 1
    parent = attempts[place].parent
    is_taken_up = attempts[place].cure is None and parent is not None
    return frozenset({place, parent} if is_taken_up and parent is not None else {place})


def in_force(folder: Path) -> tuple[TrainSettings, Network] | None:
    """The settings and the network of the newest checkpoint; None of a run that does not heal.

    Raises:
        DamagedError: that checkpoint is damaged.
    """
    known = checkpoints.steps(folder)
    document = checkpoints.check(folder, known[-1]) if known else {}
    return Ledger.from_json(document[LEDGER]).current.regimen if LEDGER in document else None
