"""Two plots over the unit square: calibration of probabilities, and the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import Frame, draw, frame, mark_title, place, text
from ranvier.report.plots.lines import polyline
from ranvier.report.words import is_number, number, percent, shorten

UNIT_TICKS = ((0.0, "0"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %"))


def _unit_frame(x_label: str, y_label: str) -> Frame:
    return frame(
        (0.0, 1.0), (0.0, 1.0), x_label=x_label, y_label=y_label, height=330,
        x_ticks=UNIT_TICKS, y_ticks=UNIT_TICKS,
    )  # fmt: skip


def _diagonal(on: Frame) -> Markup:
    path = f"M{place(on.left)} {place(on.bottom)}L{place(on.right)} {place(on.top)}"
    return element("path", d=path, class_="guide")


def calibration_diagram(
    bins: Sequence[Mapping[str, float]], positive: str | None = None, *, title: str,
    description: str, noun: str = "row",
) -> Markup | None:  # fmt: skip
    """Share that came true against what was stated; a bubble's area is its number of rows.

    With a `positive` class it is that class's probability and share, else the decision's.
    """
    known = [
        part
        for part in bins
        if is_number(part.get("confidence")) and is_number(part.get("frequency"))
        and part.get("count", 1)
    ]  # fmt: skip
    if not known:
        return None
    label = "" if positive is None else shorten(positive, 16)
    on = _unit_frame(*(("confidence", "share right") if positive is None
                       else (f"probability of {label}", f"share that are {label}")))  # fmt: skip
    came_true = "right" if positive is None else f"are {label}"
    most = max(part.get("count", 1) for part in known)
    places = [(on.x(part["confidence"]), on.y(part["frequency"])) for part in known]
    dots = [
        element(
            "circle",
            mark_title(
                f"{number(part.get('count'))} {noun}s at about "
                f"{percent(part['confidence'])}: {percent(part['frequency'])} of them {came_true}"
            ),
            cx=place(x), cy=place(y), r=place(2.5 + 8 * (part.get("count", 1) / most) ** 0.5),
            class_="c0 bubble",
        )
        for part, (x, y) in zip(known, places, strict=True)
    ]  # fmt: skip
    line = element("path", d=polyline(places), class_="c0 line") if len(places) > 1 else None
    return draw(on, title, description, _diagonal(on), line, dots)


def roc_chart(
    false_positive_rate: Sequence[float],
    true_positive_rate: Sequence[float],
    *,
    title: str,
    description: str,
    area: float | None,
    noun: str = "row",
) -> Markup | None:
    """What share of the positive rows is found, for each share of false alarms."""
    points = [
        (x, y)
        for x, y in zip(false_positive_rate, true_positive_rate, strict=True)
        if is_number(x) and is_number(y)
    ]
    if len(points) < 2:
        return None
    points = points[:: -(-len(points) // 400)] + [points[-1]]
    on = _unit_frame(
        f"share of the negative {noun}s called positive", f"share of the positive {noun}s found"
    )
    places = [(on.x(x), on.y(y)) for x, y in points]
    words = f"area {number(area, digits=4)}" if area is not None else ""
    hits = [
        element("circle", mark_title(f"finds {percent(y)} at {percent(x)} false alarms"),
                cx=place(on.x(x)), cy=place(on.y(y)), r=7)
        for x, y in points[:: -(-len(points) // 40)]
    ]  # fmt: skip
    return draw(
        on, title, description, _diagonal(on),
        element("path", d=polyline([(on.left, on.bottom), *places, (on.right, on.bottom)]) + "Z",
                class_="c0 band"),
        element("path", d=polyline(places), class_="c0 line"),
        text(on.right - 8, on.bottom - 10, words, class_="note", anchor="end"),
        element("g", hits, class_="hits"),
    )  # fmt: skip
