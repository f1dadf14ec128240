"""Buffers share memory only where they do not live at the same time."""

from __future__ import annotations

import torch

from ranvier.step.native.arena import LINE, planned
from ranvier.step.native.program import Instruction
from ranvier.step.native.values import Buffer, View, whole


def view(numel: int, *, kept: bool = False) -> View:
    return whole(Buffer(numel, torch.float32, kept=kept), (numel,))


def reads_writes(reads: list[View], writes: list[View]) -> Instruction:
    return Instruction("elements", [], reads, writes)


def test_memory_is_used_again_when_its_buffer_is_done_with() -> None:
    a, b, c = view(16), view(16), view(16)
    offsets, total = planned(
        [reads_writes([], [a]), reads_writes([a], [b]), reads_writes([b], [c])]
    )
    assert offsets[a.buffer] == offsets[c.buffer] != offsets[b.buffer]
    assert total == 2 * LINE


def test_what_is_kept_shares_with_nothing_after_it() -> None:
    a, b, c = view(16, kept=True), view(16), view(16)
    offsets, _ = planned([reads_writes([], [a]), reads_writes([], [b]), reads_writes([b], [c])])
    assert len({offsets[each.buffer] for each in (a, b, c)}) == 3


def test_every_buffer_begins_a_line() -> None:
    views = [view(3), view(5), view(100)]
    offsets, total = planned([reads_writes(views, [])])
    assert all(offset % LINE == 0 for offset in offsets.values())
    assert total == 2 * LINE + 7 * LINE


def test_a_gap_between_two_long_lives_is_filled() -> None:
    first, middle, last, late = view(16), view(16), view(16), view(16)
    offsets, total = planned(
        [
            reads_writes([], [first, middle, last]),
            reads_writes([first, last], [late]),
            reads_writes([first, last, late], []),
        ]
    )
    assert offsets[late.buffer] == offsets[middle.buffer]
    assert total == 3 * LINE
