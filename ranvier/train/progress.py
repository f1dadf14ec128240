"""What training tells the person who waits for it."""

from __future__ import annotations

from typing import Any, Protocol


class Progress(Protocol):
    """Told of training as it goes; the command line draws it, a notebook may, a test collects."""

    def start(self, *, epochs: int, steps_per_epoch: int, rows: int) -> None:
        """Training begins or goes on."""

    def say(self, line: str) -> None:
        """A choice, a finding or a note, in one line."""

    def work(self, what: str, done: int, total: int) -> None:
        """Something that comes before training, such as decoding pictures, is so far along."""

    def step(
        self, epoch: int, step_in_epoch: int, loss: float | None, rows_per_second: float | None
    ) -> None:
        """A window of steps ended; at most some ten times a second."""

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch was evaluated; `record` is its event."""

    def finish(self, summary: dict[str, Any]) -> None:
        """The run is complete; `summary` is its summary.json."""


class Silent:
    """Progress that nobody watches."""

    def start(self, *, epochs: int, steps_per_epoch: int, rows: int) -> None:
        return

    def say(self, line: str) -> None:
        return

    def work(self, what: str, done: int, total: int) -> None:
        return

    def step(
        self, epoch: int, step_in_epoch: int, loss: float | None, rows_per_second: float | None
    ) -> None:
        return

    def epoch(self, record: dict[str, Any]) -> None:
        return

    def finish(self, summary: dict[str, Any]) -> None:
        return
