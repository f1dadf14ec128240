"""How many times as long each contender takes as ours, on a logarithmic scale, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from benchmarks.speed_rows import OTHER_QUALITY

WIDTH, LABELS, MARGIN, ROW, HEAD, FOOT = 720, 290, 70, 24, 50, 10
OURS, THEIRS, FAINT = "#0b6e4f", "#5b6b7b", "#d5dbe1"
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


def chart(races: Sequence[dict[str, Any]]) -> str:
    """A panel for each workload: a dot is the median, its bar the least and most of a round.

    Right of the line at 1 is slower than ours; a hollow dot learnt something else.
    """
    parts: list[str] = []
    top = 0
    for race in races:
        rows = [row for row in race["rows"] if "ratio" in row]
        if rows:
            rows.sort(key=lambda row: row["ratio"]["median"])
            parts += _panel(race, rows, top)
            top += HEAD + ROW * len(rows) + FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top, 1)}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img">\n'
        f'<rect width="{WIDTH}" height="{max(top, 1)}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _panel(race: dict[str, Any], rows: Sequence[dict[str, Any]], top: int) -> list[str]:
    edges = [1.0, race["aim"]]
    edges += [row["ratio"][which] for row in rows for which in ("least", "most")]
    low, high = math.log(min(edges)), math.log(max(edges))
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return LABELS + (math.log(value) - low) / span * (WIDTH - LABELS - MARGIN)

    bottom = top + HEAD + ROW * len(rows)
    parts = [
        f'<text x="12" y="{top + 20}" font-weight="600">{escape(race["title"])}'
        '<tspan font-weight="400" fill="#666">: time ÷ ours</tspan></text>'
    ]
    for tick in TICKS:
        if min(edges) <= tick <= max(edges):
            parts += _mark(x(tick), top, bottom, f"{tick:g}×", FAINT)
    parts += _mark(x(1.0), top, bottom, "", OURS)
    parts.append(
        f'<line x1="{x(race["aim"]):.1f}" x2="{x(race["aim"]):.1f}" y1="{top + HEAD - 6}" '
        f'y2="{bottom}" stroke="#999" stroke-dasharray="4 3"/>'
    )
    for place, row in enumerate(rows):
        parts += _dot(row, x, top + HEAD + ROW * place + ROW // 2)
    return parts


def _mark(x: float, top: int, bottom: int, text: str, colour: str) -> list[str]:
    return [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD - 6}" y2="{bottom}" stroke="{colour}"/>',
        f'<text x="{x:.1f}" y="{top + HEAD - 10}" fill="#666" font-size="11" '
        f'text-anchor="middle">{text}</text>',
    ]


def _dot(row: dict[str, Any], x: Any, y: int) -> list[str]:
    found = row["ratio"]
    colour = OURS if row["is_ours"] else THEIRS
    fill = "#fff" if row["status"] == OTHER_QUALITY else colour
    return [
        f'<text x="12" y="{y + 4}" fill="{colour}">{escape(row["title"])}</text>',
        f'<line x1="{x(found["least"]):.1f}" x2="{x(found["most"]):.1f}" y1="{y}" y2="{y}" '
        f'stroke="{colour}" stroke-width="3" stroke-opacity="0.5"/>',
        f'<circle cx="{x(found["median"]):.1f}" cy="{y}" r="5" fill="{fill}" stroke="{colour}"/>',
        f'<text x="{x(found["most"]) + 10:.1f}" y="{y + 4}" fill="{colour}" stroke="#fff" '
        f'stroke-width="4" paint-order="stroke">{found["median"]:.2f}×</text>',
    ]
