"""Who runs the step: small executors behind one small base."""

from ranvier.step.executors.base import Executor, executor_for
from ranvier.step.executors.eager import Eager

__all__ = ["Eager", "Executor", "executor_for"]
