"""Ways to turn a flat graph of tensor operations into kernels of its own."""

from ranvier.step.compilers.inductor import inductor_function

__all__ = ["inductor_function"]
