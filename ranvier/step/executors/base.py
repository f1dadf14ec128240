"""The base that every executor stands behind, and how to get one by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ranvier.core.registry import Registry
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State


class Remark(NamedTuple):
    """Something an executor did that a reader of the run should know, in one line.

    `is_fallback` says that it runs the update eagerly and why; other remarks are for the record.
    """

    text: str
    is_fallback: bool = False


class Executor(ABC):
    """Runs a program on a state that it owns; `eager` is the meaning, all others must equal it.

    The trainer hands over rows and learning rates and reads scalars; it never sees how. `is_exact`
    says that the numbers are those of eager bit for bit, not within rounding. `remarks` are new
    lines for the run's record: whoever reads them takes them out. `last_step` is that of the whole
    training, where the trainer knows it.
    """

    name: ClassVar[str]
    is_exact: ClassVar[bool] = True

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state
        self.remarks: list[Remark] = []
        self.last_step: int | None = None

    @abstractmethod
    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        """One update; the state's tensors hold the result."""

    @abstractmethod
    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        """One update with the same numbers that also gives the gradients, for a look at them."""

    def run_rows(
        self, rows: Batch, bounds: Sequence[int], learning_rates: Sequence[float]
    ) -> Scalars:
        """An update on each stretch of the rows between neighbouring `bounds`, in order.

        The numbers do not depend on how updates are put into calls. Shapes, of S updates: bounds
        `[S + 1]`, learning rates `[S]`; the loss comes as `[S]`, the gradient norms as `[S, P]`.
        """
        steps = [
            self.run(rows.part(first, last), rate)
            for (first, last), rate in zip(pairwise(bounds), learning_rates, strict=True)
        ]
        return Scalars(
            torch.stack([scalars.loss for scalars in steps]),
            torch.stack([scalars.gradient_norms for scalars in steps]),
        )

    def document(self) -> dict[str, Any]:
        """What a resumed training must be told, beside the state, to come to the same bits."""
        return {}

    def load(self, document: Mapping[str, Any]) -> None:
        """Go on as the executor did that gave `document`."""
        return

    def close(self) -> None:
        """End what runs beside training."""
        return


EXECUTORS: Registry[type[Executor]] = Registry("executor")


def executor_for(name: str, program: Program, state: State) -> Executor:
    """The executor called `name` on this program; `auto` is eager where nobody has chosen yet."""
    return EXECUTORS["eager" if name == "auto" else name](program, state)
