"""From numbers to places on the paper, and the round numbers to mark on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ranvier.report.words import is_number


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] to [start, stop], straight or by the logarithm.

    >>> Scale(0.0, 10.0, 100.0, 200.0)(5.0)
    150.0
    >>> Scale(0.01, 1.0, 0.0, 100.0, is_log=True)(0.1)
    50.0
    """

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, float(value)
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(at, 1e-300))
        share = (min(max(at, low), high) - low) / (high - low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers between low and high, at most about `most` of them."""
        return _log_ticks(self.low, self.high, most) if self.is_log else _ticks(*self.ends, most)

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high


def _ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(most, 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [
        round(index * step, 12 - math.floor(math.log10(step))) for index in range(first, last + 1)
    ]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for stride in range(max(1, math.ceil((last - first) / most)), 0, -1):
        candidates = [10.0**power for power in range(first, last + 1, stride)]
        inside = [value for value in candidates if low * 0.999 <= value <= high * 1.001]
        if len(inside) >= 3:
            return inside
    finer = [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5)]
    inside = [value for value in finer if low * 0.999 <= value <= high * 1.001]
    return inside if len(inside) >= 2 else _ticks(low, high, most)


def domain(
    values: Iterable[object],
    *,
    is_log: bool = False,
    include: Iterable[float] = (),
    pad: float = 0.04,
    from_zero: bool = True,
) -> tuple[float, float] | None:
    """The range that shows all finite values (the positive ones on a log axis), or None.

    >>> domain([1.0, None, 3.0], pad=0.0)
    (1.0, 3.0)
    """
    known = [_drawable(float(value)) for value in values if is_number(value)]
    if not known:
        return None
    known = [value for value in [*known, *include] if value > 0 or not is_log]
    if not known:
        return None
    low, high = min(known), max(known)
    if is_log:
        if high / low < 1.02:
            return low / 1.5, high * 1.5
        room = (high / low) ** pad
        return low / room, high * room
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-12):
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high - low) * pad
    # An axis of amounts that begins near nothing begins at nothing.
    starts_at_zero = from_zero and 0 <= low < 0.15 * high
    return (0.0 if starts_at_zero else low - room), high + room


def _drawable(value: float) -> float:
    # Far beyond float32, and near enough to overflow that ratios and margins would not be finite.
    if abs(value) < 1e-150:
        return 0.0
    return min(max(value, -1e150), 1e150)
