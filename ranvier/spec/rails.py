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


Blocks = Sequence[tuple[tuple[Node, ...], int]]
"""The children of a row as they are shown: blocks, and how often each comes."""

_OUTSIDE = -2


def rails_of(node: Node, found: Blocks) -> tuple[Rail, ...]:
    """The rails of a row whose children are shown as `found`."""
    rails: dict[Rail, None] = {}
    for here, arrivals in _arrivals(node, found):
        sources = dict.fromkeys(maker for maker, _ in arrivals)
        for start in sources:
            # What is taken from outside the row is named in the box; a folded block shows its own.
            if start not in (_OUTSIDE, here - 1, here):
                rails[Rail(start, here, here - 1 in sources)] = None
    return tuple(rails)


def from_above(node: Node, found: Blocks) -> list[tuple[Shape, ...]]:
    """For each block, the shapes of what it gets from the one right above, or of all it gets."""
    shapes: dict[int, tuple[Shape, ...]] = {}
    for here, arrivals in _arrivals(node, found):
        above = tuple(shape for maker, shape in arrivals if maker == here - 1)
        shapes.setdefault(here, above or tuple(shape for _, shape in arrivals))
    return [shapes.get(i, ()) for i in range(len(found))]


def _arrivals(node: Node, found: Blocks) -> list[tuple[int, list[tuple[int, Shape]]]]:
    """For each child its block, and the maker and shape of every signal that it reads.

    A maker is a block, −1 for what enters the row, −2 for what is taken from further out.
    """
    block_of = [i for i, (run, times) in enumerate(found) for _ in range(len(run) * times)]
    made = [(-1, shape) for shape in node.inputs] + [(_OUTSIDE, shape) for shape in node.outer]
    arrivals = []
    for here, child, wires in zip(block_of, node.children, node.wires, strict=False):
        used = dict.fromkeys(wires[i] for i in _used(child) if i < len(wires) and wires[i] >= 0)
        arrivals.append((here, [made[i] for i in used]))
        made += [(here, shape) for shape in child.outputs]
    return arrivals


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

    >>> shape_text((28, 28, 1)), shape_text(())
    ('28 × 28 × 1', 'a number')
    """
    return " × ".join(f"{size:,}" for size in shape) or "a number"
