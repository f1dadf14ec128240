"""The program as words that the library runs, with the memory it works in."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ranvier.step.native.arena import LINE, planned
from ranvier.step.native.elements import Group, grouped, instruction_of
from ranvier.step.native.fusion import with_relu_inside
from ranvier.step.native.lowering import WORTH_A_THREAD
from ranvier.step.native.program import Instruction, Lowered, without_dead
from ranvier.step.native.values import Buffer, View

FAILURES = {
    1: "a target names no class",
    2: "an index is out of range",
}


class Names:
    """The numbers of what the library can do, by name."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.operations = _names(library.rv_operation_name)
        self.elements = _names(library.rv_element_name)


def _names(function: Any) -> dict[str, int]:
    function.restype = ctypes.c_char_p
    numbers: dict[str, int] = {}
    while (name := function(len(numbers))) is not None:
        numbers[name.decode()] = len(numbers)
    return numbers


class Tape:
    """An update that runs in one call as often as there are rows for it.

    The tensors that it reads and writes are held, so that their memory stays where it is.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        lowered: Lowered,
        *,
        threads: int,
        state: Sequence[Tensor] = (),
    ) -> None:
        instructions = finished(lowered, threads)
        offsets, size = planned(instructions)
        self.instructions = instructions
        self._memory = torch.zeros(size + LINE, dtype=torch.uint8)
        start = -(-self._memory.data_ptr() // LINE) * LINE
        self._start = start - self._memory.data_ptr()
        self._offsets = offsets
        self._constants = _Constants(instructions)
        self._tensors = [view.buffer.tensor for i in instructions for view in (*i.reads, *i.writes)]
        names = Names(library)
        words: list[int] = []
        places: list[tuple[int, int, int]] = []
        position = {id(tensor): k for k, tensor in enumerate(state)}
        # Which words are addresses in the state's tensors, in which, and so many bytes into it.
        of_state: list[tuple[int, int, int]] = []
        for instruction in instructions:
            words += [names.operations[instruction.operation], len(instruction.arguments) + 2]
            for argument in instruction.arguments:
                if isinstance(argument, View) and argument.buffer.stream is not None:
                    offset = argument.offset * argument.dtype.itemsize
                    places.append((len(words), argument.buffer.stream, offset))
                    words.append(0)
                    continue
                if isinstance(argument, View) and id(argument.buffer.tensor) in position:
                    offset = argument.offset * argument.dtype.itemsize
                    of_state.append((len(words), position[id(argument.buffer.tensor)], offset))
                words.append(self._word(argument, names))
        self._words = np.array(words, dtype=np.int64)
        self._places = np.array(places, dtype=np.int64).reshape(-1, 3)
        self._of_state = np.array(of_state, dtype=np.int64).reshape(-1, 3)
        self._run = library.rv_run
        self._run.restype = ctypes.c_int
        pointer, long = ctypes.c_void_p, ctypes.c_long
        self._run.argtypes = [pointer, long, pointer, long, pointer, pointer, long]
        # All of a call that is the same every time, made once: a call takes less time than making.
        self._fixed = (
            self._words.ctypes.data,
            len(self._words),
            self._places.ctypes.data,
            len(self._places),
        )
        self._bases = ctypes.c_int64 * len(lowered.streams)
        self._strides = self._bases(*(stream.nbytes for stream in lowered.streams))

    def point_at(self, places: Sequence[int]) -> None:
        """Run on other tensors of the state, which lie at these places."""
        words, tensors, offsets = self._of_state.T
        self._words[words] = np.array(places, dtype=np.int64)[tensors] + offsets

    def run(self, base: Sequence[int], steps: int) -> None:
        """Run `steps` updates; `base` is where each stream has what the first of them gets.

        Raises:
            IndexError: a class or an index that there is not; the updates before are made.
        """
        failure = self._run(*self._fixed, self._bases(*base), self._strides, steps)
        if failure:
            raise IndexError(f"native: {FAILURES[failure]}")

    def tensor(self, view: View) -> Tensor:
        """What a kept view holds, not copied."""
        offset = self._start + self._offsets[view.buffer]
        memory = self._memory[offset : offset + view.buffer.nbytes].view(view.dtype)
        return memory.as_strided(view.shape, view.strides, memory.storage_offset() + view.offset)

    def _word(self, argument: int | float | str | View, names: Names) -> int:
        if isinstance(argument, str):
            return names.elements[argument]
        if isinstance(argument, View):
            return self._address(argument)
        if isinstance(argument, float):
            (bits,) = struct.unpack("<q", struct.pack("<d", argument))
            return int(bits)
        return int(argument)

    def _address(self, view: View) -> int:
        buffer = view.buffer
        offset = view.offset * buffer.dtype.itemsize
        if buffer.tensor is not None:
            return buffer.tensor.data_ptr() + offset
        if buffer.constant is not None:
            return self._constants.address(buffer)
        return self._memory.data_ptr() + self._start + self._offsets[buffer] + offset


class _Constants:
    """The numbers that are known beforehand, each in the memory of its type."""

    def __init__(self, instructions: Sequence[Instruction]) -> None:
        self._tensors: dict[tuple[float, torch.dtype], Tensor] = {}

    def address(self, buffer: Buffer) -> int:
        assert buffer.constant is not None
        key = (buffer.constant, buffer.dtype)
        if key not in self._tensors:
            self._tensors[key] = torch.full((), buffer.constant, dtype=buffer.dtype)
        return self._tensors[key].data_ptr()


def finished(lowered: Lowered, threads: int) -> list[Instruction]:
    """The instructions in the order in which they run, element operations in groups."""
    groups = grouped(with_relu_inside(without_dead(lowered.items)))
    users: dict[Buffer, int] = {}
    for item in groups:
        for buffer in item.read_buffers | item.written_buffers:
            users[buffer] = users.get(buffer, 0) + 1
    shared = {buffer for buffer, count in users.items() if count > 1}
    return [
        instruction_of(item, shared, _threads_for(item, threads))
        if isinstance(item, Group)
        else item
        for item in groups
    ]


def _threads_for(group: Group, threads: int) -> int:
    places = 1
    for size in group.sizes:
        places *= size
    return threads if places * (len(group.steps) + 2) >= WORTH_A_THREAD else 1
