"""How much of a loop's time may go into looking at it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.008


class Budget:
    """Lets a measurement run as long as all of them together took less than their share of time.

        spent + cost ≤ allowance + share · (now − begin − spent)

    with the cost of a measurement as the least of the last three times: what else the machine does
    must not count. The allowance is there since a short
    training is over before a share of its time would allow a second look.

    >>> budget = Budget(allowance=0.0, share=0.0)
    >>> before = budget.affords("look")
    >>> with budget.spending("look"):
    ...     pass
    >>> before, budget.affords("look")
    (True, False)
    """

    def __init__(self, *, allowance: float, share: float = SHARE) -> None:
        self._allowance, self._share = allowance, share
        self._begin = time.perf_counter()
        self._spent = 0.0
        self._costs: dict[str, deque[float]] = {}

    def restart(self) -> None:
        """The loop begins now: what was measured before it is on nobody's time."""
        self._begin, self._spent = time.perf_counter(), 0.0

    def affords(self, *names: str, part: float = 1.0) -> bool:
        """Whether there is time for the measurements, or a part of them; true for first ones."""
        cost = part * sum(min(self._costs.get(name, (0.0,))) for name in names)
        loop = time.perf_counter() - self._begin - self._spent
        return not cost or self._spent + cost <= self._allowance + self._share * loop

    @contextmanager
    def spending(self, name: str, *, part: float = 1.0) -> Iterator[None]:
        """Inside, the measurement runs, or that part of it."""
        start = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - start
            self._spent += took
            self._costs.setdefault(name, deque(maxlen=3)).append(took / part)
