"""How a whole distribution moves: histograms of log₂|x| as ridges, or as bands of quantiles.

The recorded histograms have 32 fixed bins, one for each power of two from 2⁻²⁴ to 2⁸; the first
takes all that is smaller (zero too), the last all that is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import Frame, draw, frame, mark_title, place, text
from ranvier.report.plots.lines import polyline
from ranvier.report.words import number, percent

FIRST_POWER = -24
HILL, RIDGE = 34.0, 15.0  # how tall the tallest hill is, how far apart hills stand
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_two(power: float) -> str:
    """
    >>> power_of_two(-10), power_of_two(2)
    ('2⁻¹⁰', '2²')
    """
    return f"2{str(round(power)).translate(SUPERSCRIPT)}"


def apart_from_zero(counts: Sequence[float]) -> tuple[Sequence[float], float]:
    """The histogram without its first bin, which holds the zeros, and the share that was in it.

    Where half of a layer's answers are exactly 0, as after ReLU, they would hide all the others.

    >>> apart_from_zero([1, 2, 1])
    ([0.0, 2, 1], 0.25)
    """
    total = sum(counts)
    return [0.0, *counts[1:]], counts[0] / total if total else 0.0


def quantile(counts: Sequence[float], share: float) -> float:
    """The power of two below which `share` of the counted numbers lie, straight within a bin.

    >>> quantile([0, 2, 2], 0.5)
    -22.0
    """
    wanted, seen = share * sum(counts), 0.0
    for index, amount in enumerate(counts):
        if amount and seen + amount >= wanted:
            return FIRST_POWER + index + (wanted - seen) / amount
        seen += amount
    return float(FIRST_POWER + len(counts))


def _power_ticks(low: float, high: float) -> list[tuple[float, str]]:
    stride = next(step for step in (1, 2, 4, 8, 16) if (high - low) / step <= 6)
    first = -(-int(low) // stride) * stride
    return [
        (float(power), power_of_two(power))
        for power in range(first, int(high) + 1, stride)
        if low <= power <= high
    ]


def quantile_bands(
    times: Sequence[float],
    histograms: Sequence[Sequence[float]],
    *,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
) -> Markup | None:
    """The middle half and the middle nine tenths of a distribution, and its median, over time."""
    parts = [
        (time, *apart_from_zero(counts)) for time, counts in zip(times, histograms, strict=True)
    ]
    rows = [
        (time, [quantile(counts, share) for share in QUANTILES], zeros)
        for time, counts, zeros in parts
        if sum(counts) > 0
    ]
    if not rows:
        return None
    low = min(values[0] for _, values, _ in rows) - 1
    high = max(values[-1] for _, values, _ in rows) + 1
    low, high = max(low, float(FIRST_POWER)), min(high, 8.0)
    at = [time for time, *_ in rows]
    ends = (at[0], at[-1]) if at[0] < at[-1] else (at[0] - 0.5, at[0] + 0.5)
    on = frame(
        ends, (low, high), x_label=x_label, y_label=y_label, height=200,
        y_ticks=_power_ticks(low, high), is_whole_x=True,
        x_ticks=None if len(rows) > 1 else [(at[0], number(at[0]))],
    )  # fmt: skip
    if len(rows) == 1:  # One moment has no width of its own.
        rows = [(ends[0], *rows[0][1:]), (ends[1], *rows[0][1:])]
    marks = [_band(on, rows, 0, 4, "outer"), _band(on, rows, 1, 3, "inner"), _median(on, rows)]
    note = _zero_note(on, rows[-1][2])
    return draw(on, title, description, marks, note, _columns(on, rows, x_label))


def _zero_note(on: Frame, zeros: float) -> Markup | None:
    if zeros < 0.005:
        return None
    return text(on.right, 13, f"at the end {percent(zeros)} are 0", class_="note", anchor="end")


def _band(on: Frame, rows: list[Any], lower: int, upper: int, kind: str) -> Markup:
    above = [(on.x(time), on.y(values[upper])) for time, values, _ in rows]
    below = [(on.x(time), on.y(values[lower])) for time, values, _ in reversed(rows)]
    return element("path", d=polyline([*above, *below]) + "Z", class_=f"c0 {kind}")


def _median(on: Frame, rows: list[Any]) -> Markup:
    points = [(on.x(time), on.y(values[2])) for time, values, _ in rows]
    return element("path", d=polyline(points), class_="c0 line")


def _columns(on: Frame, rows: list[Any], x_label: str) -> Markup:
    rows = rows[:: -(-len(rows) // 20)]
    wide = (on.right - on.left) / len(rows)
    columns = [
        element(
            "rect",
            mark_title(
                f"{x_label} {number(time)}\nhalf of them below {number(2.0 ** values[2], digits=2)}"
                f"\n90 % between {number(2.0 ** values[0], digits=2)} "
                f"and {number(2.0 ** values[4], digits=2)}\n{percent(zeros)} are 0"
            ),
            x=place(min(max(on.x(time) - wide / 2, on.left), on.right - wide)), width=place(wide),
            y=place(on.top), height=place(on.bottom - on.top),
        )
        for time, values, zeros in rows
    ]  # fmt: skip
    return element("g", columns, class_="hits")


def ridgeline(
    times: Sequence[float],
    histograms: Sequence[Sequence[float]],
    *,
    title: str,
    description: str,
    x_label: str,
    time_label: str,
    most: int = 9,
) -> Markup | None:
    """One hill a moment, the latest in front: how the whole shape travels."""
    parts = [
        (time, *apart_from_zero(counts)) for time, counts in zip(times, histograms, strict=True)
    ]
    moments = [(time, counts) for time, counts, _ in parts if sum(counts) > 0]
    if not moments:
        return None
    if len(moments) > most:
        last_one = len(moments) - 1
        moments = [moments[round(i * last_one / (most - 1))] for i in range(most)]
    bins = len(moments[0][1])
    used = [i for _, counts in moments for i in range(bins) if counts[i] > 0.001 * sum(counts)]
    first, last = max(min(used) - 1, 0), min(max(used) + 2, bins)
    low, high = FIRST_POWER + first, FIRST_POWER + last
    on = frame(
        (low, high), (0, 1), x_label=x_label, y_label=time_label,
        height=24 + HILL + RIDGE * (len(moments) - 1) + 38,
        x_ticks=_power_ticks(low, high), y_ticks=[(0.0, number(moments[-1][0]))],
    )  # fmt: skip
    tallest = max(max(counts) / sum(counts) for _, counts in moments)
    floor = on.bottom - RIDGE * (len(moments) - 1)
    marks: list[Markup | None] = []
    ticks: list[tuple[float, str]] = []
    for index, (time, counts) in enumerate(moments):
        base = floor + RIDGE * index
        marks.append(
            _hill(on, base, HILL / tallest, time, counts, first, last, index, len(moments))
        )
        ticks.append((base, number(time)))
    marks.append(_zero_note(on, parts[-1][2]))
    return _with_time_ticks(on, title, description, marks, ticks)


def _hill(
    on: Frame, base: float, unit: float, time: float, counts: Sequence[float],
    first: int, last: int, index: int, total: int,
) -> Markup:  # fmt: skip
    shares = [amount / sum(counts) for amount in counts]
    points = [(on.left, base)]
    points += [
        (on.x(FIRST_POWER + bin_ + 0.5), base - unit * shares[bin_]) for bin_ in range(first, last)
    ]
    points.append((on.right, base))
    middle = quantile(counts, 0.5)
    words = f"{number(time)}: half of them below {number(2.0**middle, digits=2)}"
    depth = 0.25 + 0.75 * (index + 1) / total
    return element(
        "path", mark_title(words), d=polyline(points) + "Z", class_="c0 ridge",
        fill_opacity=f"{depth:.2f}",
    )  # fmt: skip


def _with_time_ticks(
    on: Frame, title: str, description: str, marks: list[Any], ticks: list[Any]
) -> Markup:
    named = [
        text(on.left - 6, base + 1, words, class_="tick", anchor="end")
        for index, (base, words) in enumerate(ticks)
        if index % (1 if len(ticks) <= 9 else 2) == 0
    ]
    return draw(replace(on, y_ticks=()), title, description, marks, named)
