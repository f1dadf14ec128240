"""Who reads along while a training goes, and may end it: the doctor, as the trainer sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ranvier.core.errors import DivergedError
from ranvier.core.finding import Finding
from ranvier.runs.history import History

if TYPE_CHECKING:
    from ranvier.train.trainer import Trainer


class Watcher(Protocol):
    """Told where something can be said of a training; everything recorded is `trainer.history`.

    It may write records of its own with `trainer.journal.append` and speak to people through
    `trainer.progress`. What it raises ends the training there and reaches who began it, so that a
    cure can be built on it: take `trainer.checkpoint()` at places worth going back to, raise an
    exception of one's own, and hand a checkpoint to `Session.go_on` under other settings.
    """

    def evaluated(self, trainer: Trainer) -> None:
        """An epoch was evaluated and its records are written; `trainer.finished` if the last."""

    def diverged(self, trainer: Trainer, error: DivergedError) -> None:
        """A number was not finite: it is recorded, located if it could be, and `error` follows.

        The trainer's weights are those of the last good step if the place was found, else lost.
        """

    def concluded(self, history: History) -> Sequence[Finding]:
        """What stands in the summary: said of all that the run recorded, its end included."""
