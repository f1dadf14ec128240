"""Who runs the step: small executors behind one small base."""

from ranvier.step.executors.base import EXECUTORS, Executor, Remark, executor_for
from ranvier.step.executors.beside import Beside, InductorBeside
from ranvier.step.executors.captured import CapturedExecutor
from ranvier.step.executors.cudagraph import CudaGraph
from ranvier.step.executors.eager import Eager
from ranvier.step.executors.inductor import Inductor
from ranvier.step.executors.native import Native
from ranvier.step.executors.replay import Replay

__all__ = [
    "EXECUTORS",
    "Beside",
    "CapturedExecutor",
    "CudaGraph",
    "Eager",
    "Executor",
    "Inductor",
    "InductorBeside",
    "Native",
    "Remark",
    "Replay",
    "executor_for",
]
