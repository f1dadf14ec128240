"""PyTorch as it comes: the module is called, autograd differentiates, kernels run one by one."""

from __future__ import annotations

from torch import Tensor

from ranvier.step.executors.base import EXECUTORS, Executor
from ranvier.step.objective import Batch
from ranvier.step.program import Scalars


@EXECUTORS.register("eager")
class Eager(Executor):
    """The meaning of a step: every other executor is held against this one."""

    name = "eager"

    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        return self.run_observed(batch, learning_rate)[0]

    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        result = self.program.update(self.program.module, self.state, batch, learning_rate)
        self.state.step += 1
        return result
