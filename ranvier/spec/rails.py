"""Lines in a drawing for signals that do not come from the layer right above: along the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ranvier.core.shapes import Shape
from ranvier.spec import marks
from ranvier.spec.trace import Node

_LANE = 16.0  # from one rail to the next
_FIRST = 12.0  # from the widest picture to the first rail
_ROUND = 8.0


@dataclass(frozen=True)
class Rail:
    """A signal from picture `start` of a row (−1: what enters the row) to picture `end`.

    `also_above` says that `end` also gets the output of the picture right above it.
    """

    start: int
    end: int
    also_above: bool


@dataclass(frozen=True)
class Span:
    """Where a picture of a row stands: its top, its bottom, its right side."""

    top: float
    bottom: float
    right: float


def rails_of(node: Node, found: Sequence[tuple[tuple[Node, ...], int]]) -> tuple[Rail, ...]:
    """The rails of a row whose children are shown as `found`: blocks, and how often they come."""
    block_of = [i for i, (run, times) in enumerate(found) for _ in range(len(run) * times)]
    makers = [-1] * len(node.inputs) + [-2] * len(node.outer)
    rails: dict[Rail, None] = {}
    for position, (child, wires) in enumerate(zip(node.children, node.wires, strict=False)):
        used = [wires[i] for i in _used(child) if i < len(wires) and wires[i] >= 0]
        here = block_of[position]
        above = here - 1
        sources = dict.fromkeys(makers[i] for i in used)
        for start in sources:
            # What is taken from outside the row is named in the box; a folded block shows its own.
            if start not in (-2, above, here):
                rails[Rail(start, here, above in sources)] = None
        makers += [here] * len(child.outputs)
    return tuple(rails)


def _used(child: Node) -> Sequence[int]:
    """Which of its inputs a layer reads: one that only picks signals leaves the others."""
    picks = not child.equation and not child.children and child.shares is None
    return child.results if picks else range(len(child.inputs) + len(child.outer))


def draw_rails(
    rails: Sequence[Rail], spans: Sequence[Span], *, axis: float, edge: float
) -> tuple[str, float]:
    """The marks of the rails of a row, and the room that they take right of `edge`."""
    parts: list[str] = []
    lanes: list[float] = []
    drawn: list[Rail] = []
    for rail in sorted(rails, key=lambda rail: (rail.end, -rail.start)):
        start = spans[rail.start] if rail.start >= 0 else Span(0.0, 4.0, axis)
        end = spans[rail.end]
        # What enters the row is met above it, on the line that brings it.
        top = start.bottom - 12 if rail.start >= 0 else -12.0
        bottom = end.top + 14 + 12 * sum(other.end == rail.end for other in drawn)
        lane = next((i for i, taken in enumerate(lanes) if taken < top), len(lanes))
        lanes[lane : lane + 1] = [bottom]
        x = edge + _FIRST + _LANE * lane
        parts.append(
            marks.path(
                f"M {start.right:.1f} {top:.1f} H {x - _ROUND:.1f} "
                f"Q {x:.1f} {top:.1f} {x:.1f} {top + _ROUND:.1f} V {bottom - _ROUND:.1f} "
                f"Q {x:.1f} {bottom:.1f} {x - _ROUND:.1f} {bottom:.1f} H {end.right + 6:.1f}"
            )
        )
        parts.append(marks.arrow_head(end.right + 1, bottom, left=True))
        drawn.append(rail)
    return "".join(parts), _FIRST + _LANE * len(lanes) if lanes else 0.0


def shape_text(shape: Shape) -> str:
    """A shape as people say it.

    >>> shape_text((28, 28, 1))
    '28 × 28 × 1'
    """
    return " × ".join(f"{size:,}" for size in shape)
