"""Truth against prediction, one point a row."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import draw, frame, place
from ranvier.report.plots.scale import domain
from ranvier.report.words import is_number


def truth_scatter(
    predicted: Sequence[float], truth: Sequence[float], *, title: str, description: str, unit: str
) -> Markup | None:
    """Points near the diagonal are right; above it the prediction is too high."""
    points = [
        (x, y) for x, y in zip(truth, predicted, strict=True) if is_number(x) and is_number(y)
    ]
    ends = domain([value for point in points for value in point], pad=0.03)
    if ends is None:
        return None
    on = frame(ends, ends, x_label=f"true {unit}", y_label=f"predicted {unit}", height=330)
    diagonal = f"M{place(on.left)} {place(on.bottom)}L{place(on.right)} {place(on.top)}"
    # One path of dots: a circle each would make two thousand rows the bulk of the file.
    dots = "".join(f"M{place(on.x(x))} {place(on.y(y))}h0" for x, y in points)
    marks = [
        element("path", d=dots, class_="c0 points"),
        element("path", d=diagonal, class_="guide"),
    ]
    return draw(on, title, description, marks)
