"""Ways to turn a flat graph of tensor operations into kernels of its own."""

from ranvier.step.compilers.elsewhere import Elsewhere
from ranvier.step.compilers.inductor import inductor_function
from ranvier.step.compilers.recorded import CudaRecorder, Recorded, Recorder

__all__ = ["CudaRecorder", "Elsewhere", "Recorded", "Recorder", "inductor_function"]
