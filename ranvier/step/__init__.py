"""One update of a network: what it computes, what it reads and writes, and who runs it.

`(state, batch) -> (state, scalars)` in meaning; executors own the memory and write in place.
"""

from ranvier.step.executors import Executor, executor_for
from ranvier.step.head import Head, Unit
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State

__all__ = ["Batch", "Executor", "Head", "Program", "Scalars", "State", "Unit", "executor_for"]
