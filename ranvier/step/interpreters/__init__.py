"""Ways to run a flat graph of tensor operations, one after another, with little in between."""

from ranvier.step.interpreters.python import python_function
from ranvier.step.interpreters.torchscript import has_torchscript, torchscript_function

__all__ = ["has_torchscript", "python_function", "torchscript_function"]
