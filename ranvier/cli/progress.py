"""Training as it is seen in a terminal: a live bar, or a line now and then where none can be drawn.

The trainer knows only the protocol it is told through; this is one way to show it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from ranvier.cli.numbers import number
from ranvier.report.words import score

LINES_WITHOUT_A_TERMINAL = 20


class TerminalProgress:
    """Shows epoch, loss, validation metric, rows a second and the time left.

    On a terminal one bar is redrawn in place. Elsewhere, as in a log file, a line is written for
    the first and the last epoch and for about twenty in all. Leave it as a context, so that an
    error finds the terminal as it was.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._epochs = 0
        self._steps_per_epoch = 1
        self._every = 1
        self._rows = 0
        self._stepped = False
        self._seen = (0, 0.0)
        self._unprinted: str | None = None
        self._bar: Progress | None = None

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def start(self, *, epochs: int, steps_per_epoch: int, rows: int) -> None:
        """Training begins: at most `epochs` passes of `steps_per_epoch` updates over `rows`."""
        self._stop()  # a run that heals itself begins to train more than once
        self._epochs = epochs
        self._rows = rows
        self._seen = (0, time.monotonic())
        self._steps_per_epoch = steps_per_epoch
        self._every = max(1, math.ceil(epochs / LINES_WITHOUT_A_TERMINAL))
        if not self._console.is_terminal:
            self.say(f"training on {rows:,} rows, {steps_per_epoch:,} steps an epoch")
            return
        self._bar = self._live(*_columns(self._console.width))
        self._bar.add_task(
            "train",
            total=epochs * steps_per_epoch,
            epoch=f"epoch 1/{epochs}",
            loss="",
            validation="",
            rate="",
        )
        self._bar.start()

    def _live(self, *columns: ProgressColumn) -> Progress:
        return Progress(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
        )

    def say(self, line: str) -> None:
        """One sentence about what was chosen or found, above the bar."""
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def work(self, what: str, done: int, total: int) -> None:
        """Something before training is so far along; it is over once all is done."""
        if not self._console.is_terminal:
            if done == 0:
                self.say(f"{what}: {total:,}")
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=None))
            self._bar = self._live(*columns, TimeRemainingColumn(compact=True))
            self._bar.add_task(what, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._stop()

    def step(
        self, epoch: int, step_in_epoch: int, loss: float | None, rows_per_second: float | None
    ) -> None:
        """After `epoch` whole epochs, `step_in_epoch` updates of the next one are done."""
        if self._bar is None:
            return
        fields: dict[str, Any] = {"epoch": f"epoch {epoch + 1}/{self._epochs}"}
        if loss is not None:
            fields["loss"] = f"loss {number(loss)}"
            self._stepped = True
        if rows_per_second is not None:
            fields["rate"] = f"{rows_per_second:,.0f} rows/s"
        done = epoch * self._steps_per_epoch + step_in_epoch
        self._bar.update(self._bar.task_ids[0], completed=done, **fields)

    def epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch was evaluated; `record` is its event."""
        epoch = int(record["epoch"])
        loss = f"loss {number(record['train'].get('loss'))}"
        scores = [f"{name} {score(value, name)}" for name, value in _validation(record)]
        if self._bar is not None:
            rate = self._rate(epoch)
            if not self._stepped:  # an epoch so short that no step of it was told
                self._bar.update(self._bar.task_ids[0], loss=loss, rate=rate)
            self._stepped = False
            self._bar.update(
                self._bar.task_ids[0],
                completed=epoch * self._steps_per_epoch,
                epoch=f"epoch {min(epoch + 1, self._epochs)}/{self._epochs}",
                validation=f"val. {scores[-1]}" if scores else "",
            )
            return
        line = f"epoch {epoch}/{self._epochs}  {loss}"
        if scores:
            line += f"  validation {'  '.join(scores)}"
        if record.get("best"):
            line += "  best so far"
        self._unprinted = line
        if epoch == 1 or epoch % self._every == 0:
            self._flush()

    def _rate(self, epoch: int) -> str:
        """Rows trained on a second since the epoch before, its evaluation included."""
        now = time.monotonic()
        (before, then), self._seen = self._seen, (epoch, now)
        return f"{(epoch - before) * self._rows / max(now - then, 1e-9):,.0f} rows/s"

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Training has ended; the end screen, which says `summary`, is the command's."""
        self._stop()

    def _flush(self) -> None:
        if self._unprinted is not None:
            self.say(self._unprinted)
            self._unprinted = None

    def _stop(self) -> None:
        self._flush()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _columns(width: int) -> list[ProgressColumn]:
    # The narrower the terminal, the less is said; each addition fits beside what stands before it.
    columns: list[ProgressColumn] = [TextColumn("{task.fields[epoch]}"), BarColumn(bar_width=None)]
    if width >= 50:
        columns.append(TextColumn("{task.fields[loss]}"))
    if width >= 72:
        columns.append(TextColumn("{task.fields[validation]}"))
    if width >= 90:
        columns.append(TextColumn("{task.fields[rate]}"))
    columns.append(TimeRemainingColumn(compact=True))
    return columns


def _validation(record: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """The loss of the validation rows, which as a rule picks the epoch, and the first metric."""
    scores = dict(record.get("validation") or {})
    return [(name, scores[name]) for name in sorted(scores, key=lambda name: name != "loss")[:2]]
