"""Blocks that come again and again, found so that they are shown once."""

from __future__ import annotations

from ranvier.spec.trace import Node


def folded(node: Node) -> list[tuple[Node, int]]:
    """The children, with neighbours that are alike in layer and shapes folded into one, counted.

    Only what a layer of the form `repeat` lays out is folded; the rest was written by hand, each
    layer for itself, and is shown so.
    """
    if node.layer.form != "repeat":
        return [(child, 1) for child in node.children]
    found: list[tuple[Node, int]] = []
    for child in node.children:
        last = found[-1][0] if found else None
        if last is not None and last.inputs == child.inputs and last.output == child.output:
            found[-1] = (last, found[-1][1] + 1)
        else:
            found.append((child, 1))
    return found


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
        shift = _shift(children, start, length, times)
        found.extend(((child,), 1) for child in children[start : start + shift])
        start += shift
        found.append((children[start : start + length], times))
        start += length * times
    return found


def _shift(children: tuple[Node, ...], start: int, length: int, times: int) -> int:
    """How much later the block may as well start, so that it starts with its weights."""
    for shift in range(length):
        begins = children[start + shift].layer.family == "map"
        if begins and _times(children, start + shift, length) >= times:
            return shift
    return 0


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
