"""A copy of a training to try things on: the training itself and random numbers stay untouched."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from numpy.random import mtrand

from ranvier.step.choice.choice import Candidate
from ranvier.step.executors import EXECUTORS, Executor
from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.state import State

Rows = Callable[[int], Iterator[Batch]]
"""The batches of an epoch whose order a number decides: the training's rows as it meets them."""


class Scratch:
    """A network of its own with the state of `state`, trained and put back at will.

    One copy serves all candidates, one after another, so that memory grows by one state.
    """

    def __init__(self, program: Program, state: State) -> None:
        self.program = replace(program, module=copy.deepcopy(program.module))
        self.program.wake()
        self.state = self.program.first_state(state.device)
        self._start, self._step = state.named(), state.step
        self.restore()

    @torch.no_grad()
    def restore(self) -> None:
        """The state as the training has it."""
        for name, tensor in self.state.named().items():
            tensor.copy_(self._start[name])
        self.state.step = self._step

    def executor(self, candidate: Candidate) -> Executor:
        """The candidate on this copy, at its full speed after two steps."""
        program = replace(self.program, variant=candidate.variant)
        return EXECUTORS[candidate.executor](program, self.state)


@contextmanager
def untouched(device: torch.device) -> Iterator[None]:
    """Random numbers and threads after it as before it."""
    threads, python = torch.get_num_threads(), random.getstate()
    numpy = mtrand.get_bit_generator().state
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            random.setstate(python)
            mtrand.get_bit_generator().state = numpy


def endless(rows: Rows, order: int) -> Iterator[Batch]:
    """Batches of that order, and of further orders after it, without an end."""
    # Orders that trials use are far apart, so that no two of them meet an epoch in common.
    epoch = order * 1000
    while True:
        yield from rows(epoch)
        epoch += 1
