"""A network drawn: signals go from top to bottom, shapes stand on the lines between the layers.

Every form of layer gives a `Picture` that knows its size and where the signal enters and leaves;
pictures are put into pictures. A kind of layer says its form and family and is drawn for that, so
a new kind is drawn without a line here.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from ranvier.core.shapes import Shape
from ranvier.spec import marks
from ranvier.spec.describe import folded, short
from ranvier.spec.layer import Family
from ranvier.spec.trace import Node

COLOURS: dict[Family, str] = {
    "map": "#2f6fb7",
    "activation": "#d9822b",
    "normalisation": "#2a9d8f",
    "regularisation": "#8a94a0",
    "embedding": "#7a5bb0",
    "shape": "#8a94a0",
    "join": "#4a5a68",
}

_GAP = 34.0  # between two layers: room for an arrow and the shape beside it
_PAD = 14.0
_MARGIN = 8.0
_LINE_CHARACTERS = 42
_WIDEST_FORK = 4


@dataclass(frozen=True)
class Picture:
    """Marks in a box of their own; the signal enters at (`axis`, 0) and leaves below."""

    width: float
    height: float
    axis: float
    svg: str


def draw(node: Node) -> str:
    """The network as one self-contained SVG that fills the width it is given, up to its own."""
    shown = _edge(node.inputs[0], 0)
    inner = _picture(node)
    width = max(inner.width, 300.0) + 2 * _MARGIN
    left = (width - inner.width) / 2
    axis = left + inner.axis
    parts = [marks.text(axis, 16, "input", marks.EDGE, anchor="middle")]
    parts.append(marks.group(axis, 22, shown))
    top = 22 + _GAP
    parts.append(marks.group(left, top, inner.svg))
    parts.append(marks.group(axis, top + inner.height, _edge(node.output, 0)))
    bottom = top + inner.height + _GAP
    parts.append(marks.text(axis, bottom + 14, "output", marks.EDGE, anchor="middle"))
    label = html.escape(f"{node.layer.name or 'network'}: {node.num_parameters:,} parameters")
    height = bottom + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="100%" style="display:block;height:auto;max-width:{width:.0f}px;margin:0 auto" '
        f'role="img" aria-label="{label}"><title>{label}</title>{"".join(parts)}</svg>'
    )


def _picture(node: Node) -> Picture:
    if not node.children:
        return _box(node)
    return {
        "box": _panel,
        "chain": _chain,
        "repeat": _repeat,
        "bypass": _bypass,
        "fork": _fork,
    }[node.layer.form](node)


def shape_text(shape: Shape) -> str:
    """A shape as people say it.

    >>> shape_text((28, 28, 1))
    '28 × 28 × 1'
    """
    return " × ".join(f"{size:,}" for size in shape)


def _edge(shape: Shape, x: float, *, length: float = _GAP) -> str:
    """An arrow down from (x, 0) with the shape of what it carries."""
    line = marks.path(f"M {x:.1f} 0 L {x:.1f} {length - 6:.1f}")
    label = marks.text(x + 9, length / 2 + 3, shape_text(shape), marks.EDGE)
    return line + marks.arrow_head(x, length - 1) + label


def _box(node: Node) -> Picture:
    """One layer: what it is, its name and cost, its equation."""
    title, detail = node.layer.label(), _detail(node)
    equation = _wrapped(node.equation)
    width = max(
        190.0,
        marks.TITLE.width(title),
        marks.DETAIL.width(detail),
        *(marks.EQUATION.width(line) for line in equation),
    )
    width += 2 * _PAD + 4
    height = 52.0 + 20 * len(equation) + (4 if equation else 0)
    lines = [
        marks.text(_PAD + 4, 70.0 + 20 * i, line, marks.EQUATION) for i, line in enumerate(equation)
    ]
    svg = (
        marks.rectangle(0, 0, width, height)
        + _stripe(node, height)
        + marks.text(_PAD + 4, 23, title, marks.TITLE)
        + marks.text(_PAD + 4, 43, detail, marks.DETAIL)
        + "".join(lines)
    )
    return Picture(width, height, width / 2, svg)


def _stripe(node: Node, height: float) -> str:
    colour = COLOURS[node.layer.family]
    return marks.rectangle(0, 0, 5, height, fill=colour, stroke=colour, radius=2.5)


def _detail(node: Node) -> str:
    count = node.num_parameters
    weights = f"{count:,} parameters" if count < 10**7 else f"{short(count)} parameters"
    return f"{node.name} · {weights}" if count else node.name


def _wrapped(equation: str) -> list[str]:
    """The equation in lines that fit a box, broken after a comma or else at a space."""
    lines: list[str] = []
    for part in equation.split(", ") if equation else []:
        if lines and len(lines[-1]) + len(part) + 2 <= _LINE_CHARACTERS:
            lines[-1] += f", {part}"
            continue
        lines.append("")
        for word in part.split(" "):
            if lines[-1] and len(lines[-1]) + len(word) + 1 > _LINE_CHARACTERS:
                lines.append("  " + word)
            else:
                lines[-1] += (" " if lines[-1] else "") + word
    return lines


def _stack(pictures: list[tuple[Picture, Shape]]) -> Picture:
    """Pictures below each other on one axis; each comes with the shape that enters it."""
    left = max(picture.axis for picture, _ in pictures)
    right = max(picture.width - picture.axis for picture, _ in pictures)
    parts, y = [], 0.0
    for position, (picture, shape) in enumerate(pictures):
        if position:
            parts.append(marks.group(left, y, _edge(shape, 0)))
            y += _GAP
        parts.append(marks.group(left - picture.axis, y, picture.svg))
        y += picture.height
    return Picture(left + right, y, left, "".join(parts))


def _framed(inner: Picture, *, badge: str = "", title: str = "") -> Picture:
    """A dashed frame around a block, with how often it comes or what it is called."""
    header = 30.0 if badge or title else _PAD
    width = max(inner.width, marks.TITLE.width(title) + 70) + 2 * _PAD
    height = inner.height + header + 16 + _PAD + 8
    left = (width - inner.width) / 2
    axis = left + inner.axis
    parts = [marks.rectangle(0, 0, width, height, fill=marks.TINT, stroke=marks.LINE, dashes="5 4")]
    if title:
        parts.append(marks.text(_PAD, 21, title, marks.DETAIL))
    if badge:
        badge_width = marks.BADGE.width(badge) + 16
        ink = marks.INK
        x = width - badge_width - 10
        box = marks.rectangle(x, 9, badge_width, 22, fill=ink, stroke=ink, radius=11)
        parts.append(box)
        parts.append(marks.text(x + badge_width / 2, 24.5, badge, marks.BADGE, anchor="middle"))
    y = header + 16
    parts.append(marks.path(f"M {axis:.1f} 0 L {axis:.1f} {y - 6:.1f}"))
    parts.append(marks.arrow_head(axis, y - 1))
    parts.append(marks.group(left, y, inner.svg))
    parts.append(marks.path(f"M {axis:.1f} {y + inner.height:.1f} L {axis:.1f} {height:.1f}"))
    return Picture(width, height, axis, "".join(parts))


def _chain(node: Node) -> Picture:
    row = _stack([(_block(run, times), run[0].inputs[0]) for run, times in runs(node.children)])
    named = node.path and node.layer.name
    return _framed(row, title=node.name) if named else row


def _block(run: tuple[Node, ...], times: int) -> Picture:
    block = _stack([(_picture(child), child.inputs[0]) for child in run])
    return _framed(block, badge=f"× {times}") if times > 1 else block


def runs(children: tuple[Node, ...]) -> list[tuple[tuple[Node, ...], int]]:
    """Children in order, where a block that comes three times or more in a row stands once.

    The same layers written out by hand are folded as well as what `Repeat` lays out.
    """
    found: list[tuple[tuple[Node, ...], int]] = []
    start = 0
    while start < len(children):
        length, times = 1, 1
        for period in range(1, 5):
            count = _times(children, start, period)
            if count >= 3 and count * period > length * times:
                length, times = period, count
        found.append((children[start : start + length], times))
        start += length * times
    return found


def _times(children: tuple[Node, ...], start: int, period: int) -> int:
    """How often the `period` children from `start` come one after the other, alike."""
    at, times = start, 1
    while at + 2 * period <= len(children) and all(
        _alike(children[at + i], children[at + period + i]) for i in range(period)
    ):
        at, times = at + period, times + 1
    return times


def _alike(one: Node, other: Node) -> bool:
    return one.inputs == other.inputs and one.output == other.output and one.layer == other.layer


def _repeat(node: Node) -> Picture:
    blocks = []
    for child, times in folded(node):
        inner = _picture(child)
        shown = _framed(inner, badge=f"× {times}", title=node.name) if times > 1 else inner
        blocks.append((shown, child.inputs[0]))
    return _stack(blocks)


def _bypass(node: Node) -> Picture:
    """What is inside in a row, and around it the line that adds the input to its end."""
    inner = _chain(node)
    lane, lead, drop, radius = 30.0, 22.0, 26.0, 12.0
    axis = inner.axis + lane
    meet = lead + inner.height + drop + radius
    around = lane / 2
    parts = [
        marks.path(f"M {axis:.1f} 0 L {axis:.1f} {lead - 6:.1f}"),
        marks.arrow_head(axis, lead - 1),
        marks.path(
            f"M {axis:.1f} 6 H {around + 12:.1f} Q {around:.1f} 6 {around:.1f} 18 "
            f"V {meet - 12:.1f} Q {around:.1f} {meet:.1f} {around + 12:.1f} {meet:.1f} "
            f"H {axis - radius - 6:.1f}"
        ),
        marks.arrow_head(axis - radius - 1, meet, right=True),
        marks.group(lane, lead, inner.svg),
        marks.group(axis, lead + inner.height, _edge(node.output, 0, length=drop)),
        _meeting(axis, meet, "+"),
    ]
    return Picture(inner.width + lane, meet + radius, axis, "".join(parts))


def _meeting(x: float, y: float, sign: str) -> str:
    if len(sign) == 1:
        sum_font = marks.Font(18, 10)
        return marks.circle(x, y, 12) + marks.text(x, y + 6, sign, sum_font, anchor="middle")
    width = marks.DETAIL.width(sign) + 24
    pill = marks.rectangle(x - width / 2, y - 12, width, 24, stroke=marks.LINE, radius=12)
    return pill + marks.text(x, y + 4.5, sign, marks.DETAIL, anchor="middle")


def _fork(node: Node) -> Picture:
    """Branches side by side, or below each other's shoulder where they are too many."""
    branches = [(_picture(child), child) for child in node.children]
    shown, gap, lead, drop = branches[:_WIDEST_FORK], 18.0, 30.0, 36.0
    width = sum(picture.width for picture, _ in shown) + gap * (len(shown) - 1)
    tallest = max(picture.height for picture, _ in shown)
    axis, meet = width / 2, lead + tallest + drop + 12
    parts, x = [], 0.0
    for picture, child in shown:
        center = x + picture.axis
        parts.append(
            marks.path(f"M {axis:.1f} 0 L {axis:.1f} 8 {_bend(axis, center, 8, lead - 6)}")
        )
        parts.append(marks.arrow_head(center, lead - 1))
        parts.append(marks.group(x, lead, picture.svg))
        end = lead + picture.height
        leaves = meet - 12 - 10
        parts.append(
            marks.path(
                f"M {center:.1f} {end:.1f} L {center:.1f} {leaves - 14:.1f} "
                f"{_bend(center, axis, leaves - 14, meet - 12)}"
            )
        )
        parts.append(marks.text(center + 8, end + 14, shape_text(child.output), marks.EDGE))
        x += picture.width + gap
    parts.append(_meeting(axis, meet, node.layer.joins() or node.layer.kind))
    if len(branches) > len(shown):
        more = f"and {len(branches) - len(shown)} more branches"
        parts.append(marks.text(width - 4, meet + 4, more, marks.DETAIL, anchor="end"))
    return Picture(width, meet + 12, axis, "".join(parts))


def _bend(x: float, to_x: float, y: float, to_y: float) -> str:
    """A smooth way from (x, y) down to (to_x, to_y)."""
    middle = (y + to_y) / 2
    return f"C {x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"


def _panel(node: Node) -> Picture:
    """A layer with layers of its own inside its box."""
    inside = _stack([(_picture(child), child.inputs[0]) for child in node.children])
    own = _box(node)
    width = max(own.width, inside.width + 2 * _PAD + 4)
    height = own.height + inside.height + 26
    frame = marks.rectangle(0, 0, width, height) + _stripe(node, height)
    # The box's own frame is replaced by the panel's, which holds the layers inside as well.
    head = own.svg[own.svg.index("<text") :]
    parts = [frame, head, marks.group((width - inside.width + 4) / 2, own.height + 12, inside.svg)]
    return Picture(width, height, width / 2, "".join(parts))
