"""Who runs the step: small executors behind one small base."""

from ranvier.step.executors.base import EXECUTORS, Executor, Remark, executor_for
from ranvier.step.executors.captured import CapturedExecutor
from ranvier.step.executors.eager import Eager
from ranvier.step.executors.inductor import Inductor
from ranvier.step.executors.native import Native
from ranvier.step.executors.replay import Replay

__all__ = [
    "EXECUTORS",
    "CapturedExecutor",
    "Eager",
    "Executor",
    "Inductor",
    "Native",
    "Remark",
    "Replay",
    "executor_for",
]
