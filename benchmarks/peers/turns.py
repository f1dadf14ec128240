"""A training that a framework runs from beginning to end, paused after every epoch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Turns:
    """Runs `fit(pause)` in a thread; `fit` calls `pause(loss)` at the end of each of its `epochs`.

    `next()` lets it go on for an epoch and gives that epoch's loss; the last one comes once `fit`
    has come to its end.
    """

    def __init__(self, fit: Callable[[Callable[[float], None]], object], *, epochs: int) -> None:
        self._fit = fit
        self._left = epochs
        self._loss = float("nan")
        self._go: SimpleQueue[None] = SimpleQueue()
        self._done: SimpleQueue[float | BaseException] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def next(self) -> float:
        if self._thread is None:
            # The process ends without waiting for a training that was left in the middle.
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._go.put(None)
        result = self._done.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _run(self) -> None:
        try:
            self._fit(self._pause)
        except BaseException as error:
            self._done.put(error)
        else:
            self._done.put(self._loss)

    def _pause(self, loss: float) -> None:
        self._left -= 1
        self._loss = loss
        if self._left:
            self._done.put(loss)
            self._go.get()
