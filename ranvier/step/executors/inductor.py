"""The captured update through PyTorch's compiler: its operations fused into fewer kernels."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ranvier.step.capture import Captured
from ranvier.step.compilers import inductor_function
from ranvier.step.executors.agreement import Taken, are_within, rounding_of
from ranvier.step.executors.base import EXECUTORS
from ranvier.step.executors.captured import CapturedExecutor, Function, Functions


@EXECUTORS.register("inductor")
class Inductor(CapturedExecutor):
    """Equal to eager within rounding, and to itself bit for bit; compiles for seconds at first.

    One compiled update, which gives the gradients too, serves all steps with one signature: another
    one for the steps that are looked at would round in its own way, and looking would change what
    comes out.
    """

    name = "inductor"
    is_exact = False
    captures_at = 1
    keeps_before = True

    def compile(self, captured: Captured) -> Function:
        self._rounding = rounding_of(captured.module)
        return inductor_function(captured.module)

    def compile_both(self, captured: Captured) -> Functions:
        observed = self.compile(captured)
        return Functions(lambda *tensors: observed(*tensors)[:2], observed)

    def agrees(self, came: Taken, wanted: Taken, before: Mapping[str, Tensor]) -> bool:
        return are_within(self._rounding, came, wanted, before)
