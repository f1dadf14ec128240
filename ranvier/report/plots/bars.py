"""Amounts side by side: bars with names, histograms, and the tiny histogram of a table's cell."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import (
    LETTER,
    WIDTH,
    draw,
    frame,
    mark_title,
    place,
    svg,
    text,
)
from ranvier.report.words import is_number, number, percent, shorten


def bar_chart(
    amounts: Sequence[tuple[str, float]],
    *,
    title: str,
    description: str,
    notes: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
) -> Markup | None:
    """Named bars one below another, the amount written after each."""
    if not amounts:
        return None
    notes = notes or [number(value) for _, value in amounts]
    row = 22.0
    most = max(max((value for _, value in amounts if is_number(value)), default=0), 1e-12)
    names = [shorten(name, 20) for name, _ in amounts]
    left = 14 + LETTER * max(map(len, names))
    room = WIDTH - left - 16 - LETTER * max(map(len, notes))
    marks = []
    for index, ((name, value), shown, note) in enumerate(zip(amounts, names, notes, strict=True)):
        y = 6 + row * index
        width = max(room * max(value, 0) / most, 1.0)
        colour = colours[index] if colours else "c0"
        marks.append(
            element(
                "g",
                mark_title(f"{name}: {note}"),
                text(left - 6, y + 13, shown, anchor="end"),
                element("rect", x=place(left), y=place(y), width=place(width), height=row - 5,
                        rx=2, class_=f"{colour} fill"),
                text(left + width + 6, y + 13, note, class_="value"),
            )
        )  # fmt: skip
    return svg(title, description, marks, height=row * len(amounts) + 10)


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    *,
    title: str,
    description: str,
    x_label: str,
    y_label: str = "rows",
) -> Markup | None:
    """Counts between edges."""
    if not counts or len(edges) != len(counts) + 1 or edges[0] >= edges[-1]:
        return None
    on = frame(
        (edges[0], edges[-1]), (0.0, max(*counts, 1) * 1.04), x_label=x_label, y_label=y_label
    )
    total = sum(counts) or 1
    marks = [
        element(
            "rect",
            mark_title(f"{number(low)} to {number(high)}: {number(amount)} {y_label} "
                       f"({percent(amount / total)})"),
            x=place(on.x(low) + 0.5), width=place(max(on.x(high) - on.x(low) - 1, 0.6)),
            y=place(on.y(amount)), height=place(on.bottom - on.y(amount)), class_="c0 fill",
        )
        for low, high, amount in zip(edges, edges[1:], counts, strict=False)
    ]  # fmt: skip
    return draw(on, title, description, marks)


def binned(values: Sequence[float], *, bins: int = 31) -> tuple[list[float], list[float]]:
    """Edges and counts of equally wide bins over `values`.

    >>> binned([0.0, 1.0, 1.0, 4.0], bins=2)
    ([0.0, 2.0, 4.0], [3, 1])
    """
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / bins
    counts: list[float] = [0] * bins
    for value in values:
        counts[min(int((value - low) / width), bins - 1)] += 1
    return [low + width * index for index in range(bins)] + [high], counts


def tiny_bars(counts: Sequence[float], description: str) -> Markup | None:
    """A histogram as small as a word."""
    if not counts or max(counts) <= 0:
        return None
    wide = 96.0 / len(counts)
    tallest = max(counts)
    # An outline of steps: a mark for each bar would make a table of many columns a heavy page.
    steps = "".join(
        f"V{place(24 - max(22 * amount / tallest, 1.0) if amount > 0 else 24)}h{wide:.3g}"
        for amount in counts
    )
    path = f"M0 24{steps}V24z"
    return element(
        "svg", element("title", description), element("path", d=path, class_="c0 fill"),
        xmlns="http://www.w3.org/2000/svg", viewBox="0 0 96 24", role="img",
        aria_label=description, class_="tiny",
    )  # fmt: skip
