"""Room for what lives only during a step: places that are free again are used again."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.step.native.program import Instruction
from ranvier.step.native.values import Buffer

# Every buffer starts a line of the cache, which is as wide as the widest vector.
LINE = 64


def planned(instructions: Sequence[Instruction]) -> tuple[dict[Buffer, int], int]:
    """A byte offset per temporary buffer, and the bytes of them all.

    Two buffers share bytes only if one is done with before the other is begun. Large ones choose
    first, each the lowest place that fits.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for position, instruction in enumerate(instructions):
        for view in (*instruction.reads, *instruction.writes):
            if view.buffer.is_temporary:
                first.setdefault(view.buffer, position)
                last[view.buffer] = len(instructions) if view.buffer.kept else position
    offsets: dict[Buffer, int] = {}
    placed: list[tuple[int, int, Buffer]] = []
    total = 0
    for buffer in sorted(first, key=lambda b: -b.nbytes):
        size = -(-max(buffer.nbytes, 1) // LINE) * LINE
        offset = 0
        for start, end, other in sorted(placed, key=lambda place: place[0]):
            if last[other] < first[buffer] or first[other] > last[buffer]:
                continue
            if offset + size <= start:
                break
            offset = max(offset, end)
        offsets[buffer] = offset
        placed.append((offset, offset + size, buffer))
        total = max(total, offset + size)
    return offsets, total
