"""Numbers as people read them in a terminal."""

from __future__ import annotations

from typing import Any


def number(value: Any) -> str:
    """A measured number with the digits that people compare.

    >>> number(0.98765), number(1234.5678), number(None), number(12)
    ('0.9877', '1,235', '–', '12')
    """
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3e}"
    if 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4f}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(7.24), duration(75), duration(7300)
    ('7.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
