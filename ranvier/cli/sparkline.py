"""A curve as high as a line of text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
NO_NUMBER = "×"
# Beyond such a ratio of largest to least only their logarithms tell anything.
DECADES = 30.0
# Noise on a flat curve stays flat.
LEAST_SPAN = 0.5


def sparkline(values: Sequence[float], *, width: int) -> str:
    """The values from left to right, a × where one is not finite; logarithms if they span decades.

    What varies by less than half of itself is drawn as nearly flat.

    >>> sparkline([1.0, 2.0, 3.0, 8.0, math.nan], width=5)
    '▁▂▃█×'
    >>> sparkline([1.0, 1.0, 4.0, 4.0], width=2), sparkline([], width=9)
    ('▁█', '')
    """
    middles = [_middle(stretch) for stretch in _stretches(values, width)]
    known = [value for value in middles if math.isfinite(value)]
    if known and min(known) > 0 and max(known) / min(known) > DECADES:
        middles = [math.log(value) if math.isfinite(value) else value for value in middles]
        known = [value for value in middles if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    low = min(low, high - LEAST_SPAN * abs(high))
    return "".join(_level(value, low, high) for value in middles)


def column_of(index: int, *, count: int, width: int) -> int:
    """In which column of a sparkline of `count` values the value at `index` stands.

    >>> column_of(3, count=4, width=2), column_of(3, count=4, width=60)
    (1, 3)
    """
    return min(index, count - 1) * min(width, count) // max(count, 1)


def _stretches(values: Sequence[float], width: int) -> list[Sequence[float]]:
    columns = min(width, len(values))
    edges = (
        [-(-column * len(values) // columns) for column in range(columns + 1)] if columns else []
    )
    return [values[first:last] for first, last in zip(edges, edges[1:], strict=False)]


def _middle(stretch: Sequence[float]) -> float:
    """The median of a stretch, unless it holds something that is no number."""
    return statistics.median(stretch) if all(map(math.isfinite, stretch)) else math.nan


def _level(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return NO_NUMBER
    share = (value - low) / (high - low) if high > low else 0.0
    return LEVELS[round(share * (len(LEVELS) - 1))]
