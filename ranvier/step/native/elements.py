"""Operations on single elements, put together in groups that go over memory once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from ranvier.step.native.program import Element, Instruction, Item, Word
from ranvier.step.native.values import Buffer, View, are_dense, dense_strides, memory_order

# As `elements.c` has them.
MOST_BLOCKS = 24
MOST_REGISTERS = 96
MOST_STEPS = 64
MOST_AXES = 6
DIRECT, STRIDED, SINGLE, FILLED = range(4)
TYPES = {
    torch.float32: 0,
    torch.float64: 1,
    torch.int64: 2,
    torch.bool: 3,
    torch.uint8: 3,
}
# How far back an operation may be moved to join a group.
REACH = 64
# Below so many places a register is not worth filling beforehand.
FEW_PLACES = 64


class Key(NamedTuple):
    """A view as a group's registers know it: strides over the group's axes, None where dense."""

    buffer: Buffer
    offset: int
    strides: tuple[int, ...] | None


@dataclass(frozen=True)
class Step:
    """An element operation over axes in the order of memory, axes of one place left out."""

    operation: str
    sizes: tuple[int, ...]
    result: Key
    operands: tuple[Key | float, ...]
    is_wide: bool

    @property
    def is_flat(self) -> bool:
        """Whether all operands lie alike, so that any axes of as many places would do."""
        views = [key for key in (self.result, *self.operands) if isinstance(key, Key)]
        return all(key.strides is None or not any(key.strides) for key in views)

    def over(self, sizes: tuple[int, ...]) -> Step:
        """A flat step over other axes of as many places."""
        result, *operands = (_over(key, sizes) for key in (self.result, *self.operands))
        assert isinstance(result, Key)
        return Step(self.operation, sizes, result, tuple(operands), self.is_wide)


def _over(key: Key | float, sizes: tuple[int, ...]) -> Key | float:
    if isinstance(key, Key) and key.strides is not None:
        return key._replace(strides=(0,) * len(sizes))
    return key


def step_of(element: Element) -> Step:
    """The element's axes merged into as few as all its operands allow."""
    result = element.result
    order = [d for d in memory_order(result) if result.shape[d] > 1]
    shape = result.shape
    views = [result, *(o for o in element.operands if isinstance(o, View))]
    strides = [[view.expand(shape).strides[d] for d in order] for view in views]
    sizes = [shape[d] for d in order]
    for d in range(len(sizes) - 2, -1, -1):
        if all(s[d] == s[d + 1] * sizes[d + 1] for s in strides):
            sizes[d] *= sizes.pop(d + 1)
            for s in strides:
                s[d] = s.pop(d + 1)
    if not sizes:
        sizes, strides = [1], [[1] for _ in views]
    keys = iter(
        Key(v.buffer, v.offset, None if are_dense(sizes, s) else tuple(s))
        for v, s in zip(views, strides)
    )
    first = next(keys)
    operands = tuple(next(keys) if isinstance(o, View) else o for o in element.operands)
    return Step(element.operation, tuple(sizes), first, operands, element.is_wide)


@dataclass(eq=False)
class Group:
    """Steps over the same places, to be run block by block."""

    sizes: tuple[int, ...]
    is_wide: bool
    steps: list[Step] = field(default_factory=list)
    reads: set[Key] = field(default_factory=set)
    writes: set[Key] = field(default_factory=set)

    @property
    def read_buffers(self) -> set[Buffer]:
        return {key.buffer for key in self.reads}

    @property
    def written_buffers(self) -> set[Buffer]:
        return {key.buffer for key in self.writes}

    @property
    def is_flat(self) -> bool:
        return all(step.is_flat for step in self.steps)

    def add(self, step: Step) -> bool:
        """Take the step in, if its places are those of the group and the numbers stay the same."""
        if step.is_wide != self.is_wide or math.prod(step.sizes) != math.prod(self.sizes):
            return False
        if step.sizes != self.sizes:
            if step.is_flat:
                step = step.over(self.sizes)
            elif self.is_flat:
                self.steps = [own.over(step.sizes) for own in self.steps]
                self.sizes = step.sizes
                self._collect()
            else:
                return False
        if not self._takes(step):
            return False
        self.steps.append(step)
        self._collect()
        return True

    def _takes(self, step: Step) -> bool:
        """Whether all views of a buffer that is written are the same, and the registers suffice."""
        read = {key for key in step.operands if isinstance(key, Key)}
        for mine, yours in ((self.writes, read | {step.result}), (self.reads, {step.result})):
            if any(a.buffer is b.buffer and a != b for a in mine for b in yours):
                return False
        if any(key.buffer is step.result.buffer and key != step.result for key in read):
            return False
        steps = [*self.steps, step]
        keys = {key for each in steps for key in (*each.operands, each.result)}
        if len(steps) > MOST_STEPS or len(keys) > MOST_REGISTERS:
            return False
        return _blocks_needed(steps) <= MOST_BLOCKS

    def _collect(self) -> None:
        self.writes = {step.result for step in self.steps}
        self.reads = {k for step in self.steps for k in step.operands if isinstance(k, Key)}


def _blocks_needed(steps: Sequence[Step]) -> int:
    """At most so many blocks of scratch are in use at once, if every register needs one."""
    ends: dict[Key | float, int] = {}
    starts: dict[Key | float, int] = {}
    for position, step in enumerate(steps):
        for key in (*step.operands, step.result):
            starts.setdefault(key, position)
            ends[key] = position
    for key in starts:
        if not isinstance(key, Key) or key.strides is not None:
            starts[key], ends[key] = 0, len(steps)
    return max(
        sum(starts[key] <= position <= ends[key] for key in starts)
        for position in range(len(steps))
    )


def grouped(items: Sequence[Item]) -> list[Instruction | Group]:
    """The items with element operations in groups, each moved forward as far as order allows."""
    done: list[Instruction | Group] = []
    for item in items:
        if isinstance(item, Instruction):
            done.append(item)
            continue
        step = step_of(item)
        for earlier in reversed(done[-REACH:]):
            if isinstance(earlier, Group) and earlier.add(step):
                break
            if _depends(item, earlier):
                done.append(_group_of(step))
                break
        else:
            done.append(_group_of(step))
    return done


def _group_of(step: Step) -> Group:
    group = Group(step.sizes, step.is_wide)
    if not group.add(step):
        raise AssertionError(f"a group refused its first step: {step}")
    return group


def _depends(item: Element, earlier: Instruction | Group) -> bool:
    """Whether the order of the two matters."""
    written, read = earlier.written_buffers, earlier.read_buffers
    mine, result = item.read_buffers, item.written_buffers
    return bool(written & (mine | result) or read & result)


def instruction_of(group: Group, stored: set[Buffer], threads: int) -> Instruction:
    """The group as words for `elements.c`; of its temporary results, those `stored` are written."""
    return _Encoder(group, stored).encode(threads)


class _Encoder:
    """Gives every key of a group a register, and blocks of scratch to those that need one."""

    def __init__(self, group: Group, stored: set[Buffer]) -> None:
        self.group = group
        self.real = torch.float64 if group.is_wide else torch.float32
        self.few = math.prod(group.sizes) <= FEW_PLACES
        self.is_stored: dict[Key | float, bool] = {
            key: not key.buffer.is_temporary or key.buffer.kept or key.buffer in stored
            for key in group.writes
        }
        first_reads: dict[Key | float, bool] = {}
        for step in group.steps:
            for key in step.operands:
                first_reads.setdefault(key, True)
            first_reads.setdefault(step.result, False)
        self.keys = list(first_reads)
        self.loaded = {key for key, is_read in first_reads.items() if is_read}

    def encode(self, threads: int) -> Instruction:
        group = self.group
        ways = {key: self._way(key) for key in self.keys}
        numbers, blocks = self._numbers(ways)
        loads = [self._operand(numbers[k], ways[k], k) for k in self.keys if k in self.loaded]
        stores = [
            self._operand(numbers[key], ways[key], key)
            for key in self.keys
            if isinstance(key, Key) and self.is_stored.get(key)
        ]
        words: list[Word] = [int(group.is_wide), threads, math.prod(group.sizes)]
        words += [len(group.sizes), *group.sizes]
        words += [len(loads), len(stores), len(group.steps), blocks]
        words += [word for load in loads for word in load]
        for step in group.steps:
            registers = [numbers[key] for key in step.operands]
            registers += [0] * (3 - len(registers))
            words += [self._name(step, ways), numbers[step.result], *registers]
        words += [word for store in stores for word in store]
        reads = [_view(key) for key in self.keys if key in self.loaded and isinstance(key, Key)]
        writes = [_view(k) for k, is_in in self.is_stored.items() if is_in and isinstance(k, Key)]
        return Instruction("elements", words, reads, writes)

    def _way(self, key: Key | float) -> int:
        if not isinstance(key, Key):
            return SINGLE if self._may_be_single(key) else self._filled
        is_single = key.strides is not None and not any(key.strides)
        if is_single and key not in self.group.writes:
            return SINGLE if self._may_be_single(key) else self._filled
        if key.strides is None and key.buffer.dtype is self.real:
            if key in self.loaded or self.is_stored.get(key):
                return DIRECT
        return STRIDED

    @property
    def _filled(self) -> int:
        return STRIDED if self.few else FILLED

    def _may_be_single(self, key: Key | float) -> bool:
        """Whether every use of the number is beside a block in an operation of two operands."""
        for step in self.group.steps:
            if key in step.operands:
                others = [k for k in step.operands if k != key]
                if len(step.operands) != 2 or len(others) != 1 or self._is_number(others[0]):
                    return False
        return True

    def _is_number(self, key: Key | float) -> bool:
        if not isinstance(key, Key):
            return True
        return key.strides is not None and not any(key.strides)

    def _name(self, step: Step, ways: dict[Key | float, int]) -> str:
        kinds = "".join("s" if ways[key] == SINGLE else "v" for key in step.operands)
        return f"{step.operation}_{kinds}"

    def _numbers(self, ways: dict[Key | float, int]) -> tuple[dict[Key | float, int], int]:
        """Blocks of scratch are numbered from 0 and used again; the other registers come after."""
        first: dict[Key | float, int] = {}
        last: dict[Key | float, int] = {}
        for position, step in enumerate(self.group.steps):
            for key in (*step.operands, step.result):
                first.setdefault(key, position)
                last[key] = position
        numbers: dict[Key | float, int] = {}
        free_from: list[int] = []  # of each block: the first step at which it is free again
        scratch = [key for key in self.keys if ways[key] in (STRIDED, FILLED)]
        # What is loaded is there from the start of every block of places.
        for key in sorted(scratch, key=lambda k: -1 if k in self.loaded else first[k]):
            start = -1 if key in self.loaded else first[key]
            is_needed_to_the_end = ways[key] == FILLED or self.is_stored.get(key)
            block = next((b for b, free in enumerate(free_from) if free <= start), len(free_from))
            if block == len(free_from):
                free_from.append(0)
            # A result may take the block of an operand of the same step: places do not mix.
            free_from[block] = len(self.group.steps) if is_needed_to_the_end else last[key]
            numbers[key] = block
        others = [key for key in self.keys if key not in numbers]
        numbers |= {key: len(free_from) + i for i, key in enumerate(others)}
        return numbers, len(free_from)

    def _operand(self, register: int, way: int, key: Key | float) -> list[Word]:
        sizes = self.group.sizes
        if not isinstance(key, Key):
            number = constant(float(key))
            return [register, way, TYPES[torch.float64], number, *[0] * len(sizes)]
        strides = dense_strides(sizes) if key.strides is None else key.strides
        return [register, way, TYPES[key.buffer.dtype], _view(key), *strides]


def _view(key: Key) -> View:
    return View(key.buffer, (), (), key.offset)


def constant(value: float, dtype: torch.dtype = torch.float64) -> View:
    """A number that is known when the tape is made, as a tensor of no axes."""
    return View(Buffer(1, dtype, constant=value), (), ())
