"""Numbers over time: the little statistics that rules are written in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Places whose windows are sorted at a time, so that a long series takes little memory.
BLOCK = 8192
Series = np.ndarray
"""Floats `[S]`, one a step, a look or an evaluation."""


def series(values: Sequence[float | None]) -> Series:
    """The values as float64 `[S]`, NaN where there is none."""
    return np.array([math.nan if v is None else v for v in values], dtype=np.float64)


def head(values: Series, *, share: float = 0.1, least: int = 1) -> Series:
    """The first part of a series: a share of it, and no fewer than `least` if there are."""
    return values[: max(least, math.ceil(share * len(values)))]


def tail(values: Series, *, share: float = 0.1, least: int = 1) -> Series:
    """The last part of a series, as `head`."""
    return values[-max(least, math.ceil(share * len(values))) :]


def median(values: Series) -> float:
    """The median of what is finite; NaN of nothing."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


def running_median(values: Series, *, window: int) -> Series:
    """At each place the median of the `window` values before it; NaN at the first.

    >>> running_median(np.array([1.0, 3.0, 2.0, 9.0]), window=3).tolist()
    [nan, 1.0, 2.0, 2.0]
    """
    known = np.where(np.isfinite(values), values, math.nan)
    padded = np.concatenate([np.full(window, math.nan), known])
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[: len(values)]
    return np.concatenate(
        [_medians(windows[k : k + BLOCK]) for k in range(0, len(windows), BLOCK)] or [known]
    )


def _medians(rows: np.ndarray) -> Series:
    """The median of what is known in each row; sorting puts NaN behind all numbers."""
    ordered = np.sort(rows, axis=1)
    known = np.isfinite(rows).sum(1)
    lower, upper = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, rows.shape[1] - 1)
    each = np.arange(len(rows))
    found: Series = (ordered[each, lower] + ordered[each, upper]) / 2
    return found


def blocks(values: Series, *, count: int) -> Series:
    """The means of `count` parts of nearly one length, fewer where there are fewer values."""
    parts = np.array_split(values, min(count, len(values))) if len(values) else []
    return np.array([float(np.mean(part)) for part in parts])


def slope(values: Series) -> tuple[float, float]:
    """The least-squares slope over the index, and its t: slope over standard error.

    >>> slope(np.array([4.0, 3.0, 2.0, 1.0]))[0]
    -1.0
    """
    finite = np.isfinite(values)
    y, x = values[finite], np.flatnonzero(finite).astype(np.float64)
    if len(y) < 3:
        return 0.0, 0.0
    x = x - x.mean()
    spread = float((x * x).sum())
    b = float((x * (y - y.mean())).sum()) / spread
    rest = float(((y - y.mean() - b * x) ** 2).sum()) / (len(y) - 2)
    error = math.sqrt(rest / spread)
    return b, math.copysign(math.inf, b) if error == 0 and b else (b / error if error else 0.0)
