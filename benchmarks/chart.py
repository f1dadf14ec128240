"""A small chart of scores with their spread, as SVG text that needs nothing to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABELS, MARGIN, ROW, HEAD = 640, 210, 70, 26, 44


@dataclass(frozen=True)
class Point:
    """One contender's mean over seeds and its standard deviation."""

    title: str
    mean: float
    sd: float


@dataclass(frozen=True)
class Panel:
    """The contenders on one data set, and the mark that was set for ours."""

    title: str
    points: tuple[Point, ...]
    target: float


def chart(panels: Sequence[Panel]) -> str:
    """The panels below one another; a dot is a mean, its bar one standard deviation each way.

    >>> "Ranvier" in chart([Panel("letter: accuracy", (Point("Ranvier", 0.97, 0.01),), 0.97)])
    True
    """
    parts: list[str] = []
    top = 0
    for panel in panels:
        parts += _panel(panel, top)
        top += HEAD + ROW * len(panel.points) + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img">\n'
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(panel: Panel, top: int) -> list[str]:
    edges = [panel.target]
    edges += [point.mean + sign * point.sd for point in panel.points for sign in (-1, 1)]
    low, high = min(edges), max(edges)
    span = (high - low) or abs(high) or 1.0

    def x(value: float) -> float:
        return LABELS + (value - low) / span * (WIDTH - LABELS - MARGIN)

    bottom = top + HEAD + ROW * len(panel.points)
    target = x(panel.target)
    parts = [
        f'<text x="12" y="{top + 22}" font-weight="600">{escape(panel.title)}</text>',
        f'<line x1="{target:.1f}" x2="{target:.1f}" y1="{top + 30}" y2="{bottom}" '
        'stroke="#999" stroke-dasharray="4 3"/>',
        f'<text x="{target:.1f}" y="{top + 26}" fill="#666" font-size="11" '
        f'text-anchor="middle">aim {panel.target:g}</text>',
    ]
    for row, point in enumerate(panel.points):
        y = top + HEAD + ROW * row + ROW // 2
        colour = "#0b6e4f" if point.title == "Ranvier" else "#5b6b7b"
        parts += [
            f'<text x="12" y="{y + 4}">{escape(point.title)}</text>',
            f'<line x1="{x(point.mean - point.sd):.1f}" x2="{x(point.mean + point.sd):.1f}" '
            f'y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3" stroke-opacity="0.5"/>',
            f'<circle cx="{x(point.mean):.1f}" cy="{y}" r="5" fill="{colour}"/>',
            f'<text x="{x(point.mean + point.sd) + 10:.1f}" y="{y + 4}" '
            f'fill="{colour}" stroke="#fff" stroke-width="4" paint-order="stroke">'
            f"{point.mean:.4f}</text>",
        ]
    return parts
