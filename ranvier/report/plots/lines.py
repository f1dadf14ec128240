"""Numbers over time: one line a series, gaps where a number is missing, log axis where asked."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import Frame, draw, frame, mark_title, place, text
from ranvier.report.plots.scale import domain
from ranvier.report.words import is_number, number

COLOURS = 7  # the style sheet's .c0 … .c6
MOST_HITS = 40


@dataclass(frozen=True)
class Series:
    """A named line; `low` and `high` draw a band around it."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True)
class Guide:
    """A line of reference across the plot at `value` of an axis."""

    axis: str
    value: float
    name: str


def thin(x: Sequence[float], y: Sequence[float | None], *, most: int = 150) -> Series:
    """A long series as medians of equal stretches, with the least and largest as its band."""
    if len(x) <= most:
        return Series("", list(x), list(y))
    middle: list[float | None] = []
    low: list[float | None] = []
    high: list[float | None] = []
    at: list[float] = []
    for index in range(most):
        stretch = slice(index * len(x) // most, (index + 1) * len(x) // most)
        known = [value for value in y[stretch] if is_number(value)]
        at.append(x[stretch][-1])
        middle.append(statistics.median(known) if known else None)
        low.append(min(known) if known else None)
        high.append(max(known) if known else None)
    return Series("", at, middle, low, high)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
    is_log: bool = False,
    guides: Sequence[Guide] = (),
    y_range: tuple[float, float] | None = None,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    digits: int = 4,
) -> Markup | None:
    """Lines over a shared axis, or None where no number is there to draw.

    `x_ticks` are the places to mark below and what to write there, where round numbers will not do.
    """
    across = domain([x for line in series for x in line.x], pad=0.0, from_zero=False)
    values = [y for line in series for part in (line.y, line.low, line.high) for y in part]
    beside = [guide.value for guide in guides if guide.axis == "y"]
    up = y_range or domain(values, is_log=is_log, include=beside)
    has_any = any(is_number(value) and (value > 0 or not is_log) for value in values)
    if across is None or up is None or not has_any:
        return None
    headroom = 10 if any(guide.axis == "x" for guide in guides) else 0
    one_point = len({x for line in series for x in line.x}) == 1
    legend = [(f"c{index % COLOURS}", line.name) for index, line in enumerate(series) if line.name]
    on = frame(
        across, up, x_label=x_label, y_label=y_label, is_log_y=is_log,
        legend=legend if len(legend) > 1 else (), is_whole_x=True, headroom=headroom,
        x_ticks=[(series[0].x[0], number(series[0].x[0]))] if one_point else x_ticks,
    )  # fmt: skip
    marks: list[Markup | None] = [_guide(on, guide) for guide in guides]
    for index, line in enumerate(series):
        marks += [_band(on, line, index), _path(on, line, index)]
    return draw(on, title, description, marks, hits(on, series, x_label, digits))


def runs_of(
    on: Frame, xs: Sequence[float], ys: Sequence[float | None]
) -> list[list[tuple[Any, ...]]]:
    """The stretches of a series without a missing number, as places."""
    stretches: list[list[tuple[Any, ...]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if is_number(y) and (not on.y.is_log or y > 0):
            stretches[-1].append((on.x(x), on.y(y)))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def polyline(points: Sequence[tuple[Any, ...]]) -> str:
    """Path data through `points`."""
    return "M" + "L".join(f"{place(x)} {place(y)}" for x, y in points)


def _path(on: Frame, line: Series, index: int) -> Markup:
    kind = f"c{index % COLOURS}"
    stretches = runs_of(on, line.x, line.y)
    drawn = "".join(polyline(stretch) for stretch in stretches if len(stretch) > 1)
    dots = [
        element("circle", cx=place(x), cy=place(y), r=3, class_=f"{kind} dot")
        for stretch in stretches
        if len(stretch) == 1
        for x, y in stretch
    ]
    path = element("path", d=drawn, class_=f"{kind} line") if drawn else None
    return element("g", path, dots)


def _band(on: Frame, line: Series, index: int) -> Markup | None:
    if not line.low:
        return None
    upper = runs_of(on, line.x, line.high)
    lower = runs_of(on, line.x, line.low)
    shapes = [
        polyline([*above, *reversed(below)]) + "Z"
        for above, below in zip(upper, lower, strict=False)
        if len(above) == len(below) > 1
    ]
    return element("path", d="".join(shapes), class_=f"c{index % COLOURS} band") if shapes else None


def _guide(on: Frame, guide: Guide) -> Markup | None:
    if guide.axis == "y":
        if not on.y.low <= guide.value <= on.y.high:
            return None
        y = on.y(guide.value)
        path = f"M{place(on.left)} {place(y)}H{place(on.right)}"
        words = text(on.right - 2, y - 4, guide.name, class_="note halo", anchor="end")
    else:
        x = on.x(guide.value)
        path = f"M{place(x)} {place(on.top)}V{place(on.bottom)}"
        anchor = "end" if x > (on.left + on.right) / 2 else "start"
        at = x - 4 if anchor == "end" else x + 4
        words = text(at, on.top - 1, guide.name, class_="note halo", anchor=anchor)
    return element("g", element("path", d=path, class_="guide"), words)


def hits(on: Frame, series: Sequence[Series], x_label: str, digits: int) -> Markup | None:
    """Invisible columns that say the values at their place when pointed at."""
    table: dict[float, list[str]] = {}
    for line in series:
        for x, y in zip(line.x, line.y, strict=True):
            if is_number(y):
                named = f"{line.name}: " if line.name else ""
                table.setdefault(x, []).append(f"{named}{number(y, digits=digits)}")
    places = sorted(table)
    if not places:
        return None
    places = places[:: -(-len(places) // MOST_HITS)]
    centres = [on.x(x) for x in places]
    edges = [on.left, *((a + b) / 2 for a, b in pairwise(centres)), on.right]
    columns = [
        element(
            "rect",
            mark_title("\n".join([f"{x_label} {number(x)}", *table[x]])),
            x=place(edges[index]), width=place(max(edges[index + 1] - edges[index], 0.1)),
            y=place(on.top), height=place(on.bottom - on.top),
        )
        for index, x in enumerate(places)
    ]  # fmt: skip
    return element("g", columns, class_="hits")
