"""A small training to choose for, and clocks that tell what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import AdamW
from ranvier.spec import BatchNorm, Dense, Dropout, Network
from ranvier.step import Batch, Head, Program, State
from ranvier.step.choice import Candidate
from ranvier.step.choice.measure import Contender, Timer
from ranvier.step.variants import Variant

FLOAT32 = Variant(threads=1)
BFLOAT16 = Variant(number_format="bfloat16", threads=1)
EAGER, REPLAY = Candidate("eager", FLOAT32), Candidate("replay", FLOAT32)
REPLAY_IN_BFLOAT16 = Candidate("replay", BFLOAT16)


def training() -> tuple[Program, State]:
    program = Program(
        module=build(Network(Dense(8, activation="tanh"), BatchNorm(), Dropout(0.2), Dense(3)), 5),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=AdamW(0.01),
        average_decay=0.9,
    )
    return program, program.first_state(torch.device("cpu"))


def rows(order: int) -> Iterator[Batch]:
    """Ten batches whose classes are to be learned, in an order of their own."""
    draw = torch.Generator().manual_seed(order)
    for _ in range(10):
        inputs = torch.randn(16, 5, generator=draw)
        yield Batch(inputs, inputs[:, :3].argmax(1))


def first_batch() -> Batch:
    return next(rows(0))


def clock(milliseconds: Callable[[Candidate], float]) -> Timer:
    """A clock by which a step of a candidate takes what a test says."""

    def seconds_of(contender: Contender, steps: int) -> float:
        return steps * milliseconds(contender.candidate) / 1e3

    return seconds_of
