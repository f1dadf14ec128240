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
from ranvier.spec.describe import short
from ranvier.spec.folding import folded, runs
from ranvier.spec.layer import Family
from ranvier.spec.rails import Rail, Span, draw_rails, from_above, rails_of, shape_text
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
_ROOM = 302.0  # a layer's width: a drawing of one column fits a phone without shrinking
_BRANCH_ROOM = 196.0
_FORK_GAP = 18.0


@dataclass(frozen=True)
class Picture:
    """Marks in a box of their own; the signal enters at (`axis`, 0), leaves below.

    `leads` says that it begins with a line, so that no arrow has to point at it.
    """

    width: float
    height: float
    axis: float
    svg: str
    leads: bool = False


def draw(node: Node) -> str:
    """The network as one self-contained SVG that fills the width it is given, up to its own."""
    inner = _picture(node, _ROOM)
    width = inner.width + 2 * _MARGIN
    left = (width - inner.width) / 2
    axis = left + inner.axis
    names = ", ".join(node.layer.input_names() or ["input"])
    ends = "output" if len(node.outputs) == 1 else f"{len(node.outputs)} outputs"
    parts = [marks.text(axis, 16, names, marks.EDGE, anchor="middle")]
    parts.append(marks.group(axis, 22, _edge(*node.inputs, head=not inner.leads)))
    top = 22 + _GAP
    parts.append(marks.group(left, top, inner.svg))
    parts.append(marks.group(axis, top + inner.height, _edge(*node.outputs)))
    bottom = top + inner.height + _GAP
    parts.append(marks.text(axis, bottom + 14, ends, marks.EDGE, anchor="middle"))
    label = html.escape(f"{node.layer.name or 'network'}: {node.num_parameters:,} parameters")
    height = bottom + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="100%" style="display:block;height:auto;max-width:{width:.0f}px;margin:0 auto" '
        f'role="img" aria-label="{label}"><title>{label}</title>{"".join(parts)}</svg>'
    )


def _picture(node: Node, room: float) -> Picture:
    if not node.children:
        return _box(node, room)
    return {
        "box": _panel,
        "chain": _chain,
        "aside": _aside,
        "repeat": _repeat,
        "bypass": _bypass,
        "fork": _fork,
    }[node.layer.form](node, room)


def _edge(*shapes: Shape, length: float = _GAP, head: bool = True) -> str:
    """A line down from the origin with the shape of what it carries, ending in an arrow or not."""
    line = marks.path(f"M 0 0 V {length - 6 * head:.1f}")
    label = marks.text(9, length / 2 + 3, ", ".join(map(shape_text, shapes)), marks.EDGE)
    return line + label + (marks.arrow_head(0, length - 1) if head else "")


def _box(node: Node, room: float) -> Picture:
    """One layer: what it is, its name and cost, its equation."""
    title, detail = node.layer.label(), _detail(node)
    equation = _wrapped(node.equation, room - 2 * _PAD - 4)
    width = max(
        room,
        *(
            font.width(said) + 2 * _PAD + 4
            for font, said in ((marks.TITLE, title), (marks.DETAIL, detail))
        ),
    )
    height = 56.0 + 20 * len(equation) + (6 if equation else 0)
    lines = [
        marks.text(_PAD + 4, 70.0 + 20 * i, line, marks.EQUATION) for i, line in enumerate(equation)
    ]
    svg = (
        marks.rectangle(0, 0, width, height)
        + _stripe(node, height)
        + marks.text(_PAD + 4, 24, title, marks.TITLE)
        + marks.text(_PAD + 4, 44, detail, marks.DETAIL)
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


def _wrapped(equation: str, room: float) -> list[str]:
    """The equation in lines that fit a box, broken after a comma or else at a space."""
    lines: list[str] = []
    for part in equation.split(", ") if equation else []:
        if lines and marks.EQUATION.width(f"{lines[-1]}, {part}") <= room:
            lines[-1] += f", {part}"
            continue
        lines.append("")
        for word in part.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and marks.EQUATION.width(longer) > room:
                lines.append("\u2003" + word)
            else:
                lines[-1] = longer
    return lines


def _stack(
    pictures: list[tuple[Picture, tuple[Shape, ...]]], rails: tuple[Rail, ...] = ()
) -> Picture:
    """Pictures below each other on one axis; each comes with the shapes that enter it.

    What does not come from right above runs along rails on the right.
    """
    left = max(picture.axis for picture, _ in pictures)
    right = max(picture.width - picture.axis for picture, _ in pictures)
    apart = {rail.end for rail in rails if not rail.also_above}
    parts, spans, y = [], [], 0.0
    for position, (picture, shapes) in enumerate(pictures):
        if position:
            if position not in apart:
                parts.append(marks.group(left, y, _edge(*shapes, head=not picture.leads)))
            y += _GAP
        parts.append(marks.group(left - picture.axis, y, picture.svg))
        spans.append(Span(y, y + picture.height, left - picture.axis + picture.width))
        y += picture.height
    drawn, room = draw_rails(rails, spans, axis=left, edge=left + right)
    parts.append(drawn)
    return Picture(left + right + room, y, left, "".join(parts), pictures[0][0].leads)


def _entering(node: Node) -> tuple[Shape, ...]:
    """The shapes of what comes from above; what is taken by name comes from elsewhere."""
    return node.inputs[: max(1, len(node.inputs) - len(node.layer.takes()))]


def _framed(inner: Picture, *, badge: str = "", title: str = "", goes_on: bool = True) -> Picture:
    """A dashed frame around a block, with how often it comes or what it is called.

    Nothing leaves below where the row does not go on with what the block makes.
    """
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
    parts.append(marks.path(f"M {axis:.1f} 0 V {y - 6 * (not inner.leads):.1f}"))
    if not inner.leads:
        parts.append(marks.arrow_head(axis, y - 1))
    parts.append(marks.group(left, y, inner.svg))
    if goes_on:
        parts.append(marks.path(f"M {axis:.1f} {y + inner.height:.1f} V {height:.1f}"))
    return Picture(width, height, axis, "".join(parts), leads=True)


def _row(node: Node, room: float) -> Picture:
    found = runs(node.children)
    blocks = [_block(run, times, room) for run, times in found]
    return _stack(list(zip(blocks, from_above(node, found), strict=True)), rails_of(node, found))


def _chain(node: Node, room: float) -> Picture:
    row = _row(node, room)
    named = node.path and node.layer.name
    return _framed(row, title=node.name) if named else row


def _aside(node: Node, room: float) -> Picture:
    return _framed(_row(node, room), title=node.name, goes_on=False)


def _block(run: tuple[Node, ...], times: int, room: float) -> Picture:
    block = _stack([(_picture(child, room), _entering(child)) for child in run])
    return _framed(block, badge=f"× {times}") if times > 1 else block


def _repeat(node: Node, room: float) -> Picture:
    blocks = []
    for child, times in folded(node):
        inner = _picture(child, room)
        shown = _framed(inner, badge=f"× {times}", title=node.name) if times > 1 else inner
        blocks.append((shown, _entering(child)))
    return _stack(blocks)


def _bypass(node: Node, room: float) -> Picture:
    """What is inside in a row, and around it the line that adds the input to its end."""
    inner = _chain(node, room)
    lane, lead, drop, radius = 30.0, 22.0, 26.0, 12.0
    axis = inner.axis + lane
    meet = lead + inner.height + drop + radius
    around = lane / 2
    parts = [
        marks.group(axis, 0, _lead(lead, inner)),
        marks.path(
            f"M {axis:.1f} 6 H {around + 12:.1f} Q {around:.1f} 6 {around:.1f} 18 "
            f"V {meet - 12:.1f} Q {around:.1f} {meet:.1f} {around + 12:.1f} {meet:.1f} "
            f"H {axis - radius - 6:.1f}"
        ),
        marks.arrow_head(axis - radius - 1, meet, right=True),
        marks.group(lane, lead, inner.svg),
        marks.group(axis, lead + inner.height, _edge(node.output, length=drop)),
        _meeting(axis, meet, "+"),
    ]
    return Picture(inner.width + lane, meet + radius, axis, "".join(parts), leads=True)


def _lead(length: float, into: Picture) -> str:
    """The line from the top of a picture into one inside it."""
    line = marks.path(f"M 0 0 V {length - 6 * (not into.leads):.1f}")
    return line if into.leads else line + marks.arrow_head(0, length - 1)


def _meeting(x: float, y: float, sign: str) -> str:
    if len(sign) == 1:
        sum_font = marks.Font(18, 10)
        return marks.circle(x, y, 12) + marks.text(x, y + 6, sign, sum_font, anchor="middle")
    width = marks.DETAIL.width(sign) + 24
    pill = marks.rectangle(x - width / 2, y - 12, width, 24, stroke=marks.LINE, radius=12)
    return pill + marks.text(x, y + 4.5, sign, marks.DETAIL, anchor="middle")


def _fork(node: Node, room: float) -> Picture:
    """Two branches side by side; more of them one below the other, so that a phone shows them."""
    if len(node.children) > 2:
        return _ladder(node, room)
    each = max(_BRANCH_ROOM, (room - _FORK_GAP) / 2)
    branches = [(_picture(child, each), child) for child in node.children]
    lead, drop = 30.0, 36.0
    width = sum(picture.width for picture, _ in branches) + _FORK_GAP * (len(branches) - 1)
    axis, meet = width / 2, lead + max(picture.height for picture, _ in branches) + drop + 12
    parts, x = [], 0.0
    for picture, child in branches:
        center, end, turn = x + picture.axis, lead + picture.height, meet - 36
        enters = _bend(axis, center, 8, lead - 6 * (not picture.leads))
        leaves = _bend(center, axis, turn, meet - 12)
        parts += [
            marks.path(f"M {axis:.1f} 0 V 8 {enters}"),
            "" if picture.leads else marks.arrow_head(center, lead - 1),
            marks.group(x, lead, picture.svg),
            marks.path(f"M {center:.1f} {end:.1f} V {turn:.1f} {leaves}"),
            marks.text(center + 8, end + 14, shape_text(child.output), marks.EDGE),
        ]
        x += picture.width + _FORK_GAP
    parts.append(_meeting(axis, meet, node.layer.joins() or node.layer.kind))
    return Picture(width, meet + 12, axis, "".join(parts), leads=True)


def _ladder(node: Node, room: float) -> Picture:
    """Branches one below the other: the input runs down the left side, the outputs the right."""
    branches = [(_picture(child, room), child) for child in node.children]
    inner = max(picture.width for picture, _ in branches)
    lane, lead, drop = 16.0, 22.0, 20.0
    width, axis, left, right = inner + 2 * lane, lane + inner / 2, 4.0, inner + 2 * lane - 4
    parts, entries, exits, y = [], [], [], 8.0
    for picture, child in branches:
        x = lane + (inner - picture.width) / 2
        center, end = x + picture.axis, y + lead + picture.height
        parts += [
            marks.path(f"M {left:.1f} {y:.1f} H {center:.1f}"),
            marks.group(center, y, _lead(lead, picture)),
            marks.group(x, y + lead, picture.svg),
            marks.path(f"M {center:.1f} {end:.1f} V {end + drop:.1f} H {right:.1f}"),
            marks.text(center + 8, end + 14, shape_text(child.output), marks.EDGE),
        ]
        entries.append(y)
        exits.append(end + drop)
        y = end + drop + 12
    meet = y + 12
    parts += [
        marks.path(f"M {axis:.1f} 0 V 8"),
        marks.path(f"M {left:.1f} 8 V {entries[-1]:.1f}"),
        marks.path(f"M {right:.1f} {exits[0]:.1f} V {meet:.1f} H {axis:.1f}"),
        _meeting(axis, meet, node.layer.joins() or node.layer.kind),
    ]
    return Picture(width, meet + 12, axis, "".join(parts), leads=True)


def _bend(x: float, to_x: float, y: float, to_y: float) -> str:
    """A smooth way from (x, y) down to (to_x, to_y)."""
    middle = (y + to_y) / 2
    return f"C {x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"


def _panel(node: Node, room: float) -> Picture:
    """A layer with layers of its own inside its box."""
    inner_room = room - 2 * _PAD - 4
    found = [((child,), 1) for child in node.children]
    pictures = [_picture(child, inner_room) for child in node.children]
    rails = rails_of(node, found)
    inside = _stack(list(zip(pictures, from_above(node, found), strict=True)), rails)
    own = _box(node, room)
    # Where several layers read the input, it is seen to enter.
    lead = 24.0 if any(rail.start < 0 for rail in rails) else 0.0
    width = max(own.width, inside.width + 2 * _PAD + 4)
    height = own.height + lead + inside.height + _PAD
    frame = marks.rectangle(0, 0, width, height) + _stripe(node, height)
    # The box's own frame is replaced by the panel's, which holds the layers inside as well.
    head = own.svg[own.svg.index("<text") :]
    left = (width - inside.width + 4) / 2
    enters = _lead(lead, pictures[0]) if lead else ""
    parts = [
        *(frame, head),
        marks.group(left + inside.axis, own.height, enters),
        marks.group(left, own.height + lead, inside.svg),
    ]
    return Picture(width, height, width / 2, "".join(parts))
