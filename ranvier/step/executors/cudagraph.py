"""The captured update as a CUDA graph: one launch, and the device does the rest by itself."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.step.capture import Captured
from ranvier.step.compilers import CudaRecorder, Recorded, Recorder
from ranvier.step.executors.agreement import Taken, are_within, have_same_bits, rounding_of
from ranvier.step.executors.base import EXECUTORS, Remark
from ranvier.step.executors.captured import CapturedExecutor, Function
from ranvier.step.interpreters import python_function
from ranvier.step.passes import (
    PASSES,
    refuse_other_places,
    simplified,
    with_copied_constants_once,
)
from ranvier.step.program import Program
from ranvier.step.state import State


@EXECUTORS.register("cudagraph")
class CudaGraph(CapturedExecutor):
    """Spares the launch of every kernel, which is what small networks wait for on a GPU.

    The kernels are those of eager and so are the bits, but where a kernel of the device adds in no
    fixed order: there eager does not repeat itself either, and numbers are held within rounding.
    """

    name = "cudagraph"
    keeps_before = True

    def __init__(self, program: Program, state: State) -> None:
        super().__init__(program, state)
        self._recorder = self.recorder()

    def recorder(self) -> Recorder:
        """What records here.

        Raises:
            ConfigError: where the network lies on no CUDA device.
        """
        device = self.state.device
        if device.type != "cuda":
            raise ConfigError(
                f"executor: got cudagraph for a network on {device.type}; expected one on a CUDA "
                "device, as CUDA graphs are played back there. Choose replay, or device cuda "
                "where there is one."
            )
        return CudaRecorder(device)

    def compile(self, captured: Captured) -> Function:
        simple = simplified(captured, (*PASSES, with_copied_constants_once))
        refuse_other_places(simple.module.graph, self.state.device)
        self._rounding = rounding_of(captured.module)
        function = python_function(simple.module)
        return Recorded(function, self._tensors, self._rate, self._recorder)

    def agrees(self, came: Taken, wanted: Taken, before: Mapping[str, Tensor]) -> bool:
        if have_same_bits(came, wanted):
            return True
        if not are_within(self._rounding, came, wanted, before):
            return False
        text = "equals eager within rounding only: some kernel here adds in no fixed order"
        self.remarks.append(Remark(f"{self.name}: {text}"))
        return True
