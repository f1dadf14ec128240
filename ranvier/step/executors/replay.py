"""The captured update, its kernels called one after another, with nothing else in between."""

from __future__ import annotations

from ranvier.step.capture import Captured
from ranvier.step.executors.base import EXECUTORS
from ranvier.step.executors.captured import CapturedExecutor, Function
from ranvier.step.interpreters import has_torchscript, python_function, torchscript_function
from ranvier.step.passes import simplified


@EXECUTORS.register("replay")
class Replay(CapturedExecutor):
    """Spares autograd's, the module tree's and the optimiser's own work in every step."""

    name = "replay"

    def compile(self, captured: Captured) -> Function:
        module = simplified(captured).module
        return torchscript_function(module) if has_torchscript() else python_function(module)
