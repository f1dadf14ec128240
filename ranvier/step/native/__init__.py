"""The engine in C for networks so small that what runs between their kernels costs the most."""

from ranvier.step.native.build import NativeUnavailable, library, will_compile
from ranvier.step.native.engine import Engine
from ranvier.step.native.lowering import NativeUnsupported

__all__ = ["Engine", "NativeUnavailable", "NativeUnsupported", "library", "will_compile"]
