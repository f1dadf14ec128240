"""The base that every executor stands behind, and the choice among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from ranvier.core.registry import Registry
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State


class Executor(ABC):
    """Runs a program on a state that it owns; `eager` is the meaning, all others must equal it.

    The trainer hands over a batch and the learning rate and reads scalars; it never sees how.
    """

    name: ClassVar[str]

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state

    @abstractmethod
    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        """One update; the state's tensors hold the result."""

    @abstractmethod
    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        """One update with the same numbers that also gives the gradients, for a look at them."""


EXECUTORS: Registry[type[Executor]] = Registry("executor")


def executor_for(name: str, program: Program, state: State) -> Executor:
    """The executor called `name` on this program; `auto` takes the best there is."""
    return EXECUTORS["eager" if name == "auto" else name](program, state)
