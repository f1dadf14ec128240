"""Draw every activation that takes each number alone, and its derivative, as one SVG.

Run it: python examples/activation_gallery.py docs/pictures/activations.svg
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ranvier.nn import build
from ranvier.spec import ACTIVATIONS, Activation
from ranvier.spec.marks import (
    DETAIL,
    FRAME,
    INK,
    LINE,
    PAPER,
    TITLE,
    Font,
    group,
    rectangle,
    text,
)

COLUMNS, GAP, HEAD, TOP, UNIT = 6, 14, 30, 46, 12.5
LEFT, RIGHT, LOW, HIGH = -5.0, 7.0, -2.0, 7.0
WIDE, TALL = UNIT * (RIGHT - LEFT), UNIT * (HIGH - LOW)
STEPS = 961
JUMP = 0.1  # what no smooth function here rises by between two points
SLOPE = "#c4572e"

Point = tuple[float, float]


def curve(function: str) -> tuple[Tensor, Tensor, Tensor]:
    """z, f(z) and f′(z), the derivative by torch; a hair beside whole numbers, where kinks lie."""
    z = torch.linspace(LEFT, RIGHT, STEPS, dtype=torch.float64) + 1e-6
    rows = z.unsqueeze(1).requires_grad_()
    values = build(Activation(function), 1)(rows)
    values.sum().backward()
    assert rows.grad is not None
    return z, values.detach().squeeze(1), rows.grad.squeeze(1)


def across(z: float) -> float:
    """Where z lies in a panel."""
    return UNIT * (z - LEFT)


def down(value: float) -> float:
    """Where a value lies in a panel."""
    return UNIT * (HIGH - value)


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points that lie in the panel, broken where the function jumps."""
    found: list[list[Point]] = []
    before = math.nan
    for z, value in points:
        if LOW <= value <= HIGH:
            if not abs(value - before) < JUMP:
                found.append([])
            found[-1].append((z, value))
        before = value if LOW <= value <= HIGH else math.nan
    return found


def bends(run: list[Point]) -> list[Point]:
    """As few of the points as give the same line to a tenth of a pixel, the ends among them."""
    kept, start = run[:1], 0
    for end in range(2, len(run)):
        (x0, y0), (x1, y1) = run[start], run[end]
        rise = (y1 - y0) / (x1 - x0)
        if any(abs(y0 + rise * (x - x0) - y) > 0.1 / UNIT for x, y in run[start + 1 : end]):
            start = end - 1
            kept.append(run[start])
    return kept + run[-1:]


def stroke(z: Tensor, values: Tensor, colour: str, width: float) -> str:
    """The line of a function."""
    commands = [
        "M" + " L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in bends(run))
        for run in runs(list(zip(z.tolist(), values.tolist(), strict=True)))
    ]
    return (
        f'<path d="{" ".join(commands)}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, dashes: str = "") -> str:
    """An axis, or where one would end."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" stroke="{LINE}" stroke-width="0.8" '
        f'fill="none"{dashed}/>'
    )


def panel(function: str) -> str:
    """One function: axes, its bounds dashed, itself, its derivative."""
    z, values, slopes = curve(function)
    marks = [
        text(0, -8, function, TITLE),
        rectangle(0, 0, WIDE, TALL, fill=PAPER, stroke=FRAME, radius=4),
        line(0, down(0), WIDE, down(0)),
        line(across(0), 0, across(0), TALL),
    ]
    for bound in Activation(function).bounds:
        if math.isfinite(bound) and bound != 0 and LOW < bound < HIGH:
            marks.append(line(0, down(bound), WIDE, down(bound), dashes="2 3"))
    marks.append(stroke(z, values, INK, 2.6))
    marks.append(stroke(z, slopes, SLOPE, 1.2))
    return "".join(marks)


def legend(width: float) -> str:
    """What the lines mean."""
    said = [
        text(GAP, 24, "f(z)", TITLE),
        f'<path d="M52 19 L84 19" stroke="{INK}" stroke-width="2.6"/>',
        text(104, 24, "f′(z)", Font(15, 8.2, weight="600", colour=SLOPE)),
        f'<path d="M144 19 L176 19" stroke="{SLOPE}" stroke-width="1.2"/>',
    ]
    note = "z from −5 to 7, values from −2 to 7; dashed: bounds"
    return "".join([*said, text(width - GAP, 24, note, DETAIL, anchor="end")])


def gallery() -> str:
    """The whole picture."""
    functions = [name for name, known in ACTIVATIONS.items() if not known.over_features]
    rows = math.ceil(len(functions) / COLUMNS)
    width = COLUMNS * (WIDE + GAP) + GAP
    height = TOP + rows * (TALL + HEAD) + GAP
    parts = [legend(width)]
    for place, function in enumerate(functions):
        row, column = divmod(place, COLUMNS)
        x, y = GAP + column * (WIDE + GAP), TOP + HEAD - 4 + row * (TALL + HEAD)
        parts.append(group(x, y, panel(function)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        'aria-label="Activation functions and their derivatives">\n'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n"
        "</svg>\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(gallery(), encoding="utf-8")
