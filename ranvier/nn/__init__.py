"""Descriptions become torch modules here: one builder, and our own modules where torch has none."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn import foreign, graph, layers  # noqa: F401
from ranvier.nn.build import build
from ranvier.nn.foreign import Wrapped, wrap
from ranvier.nn.modules import MODULES
from ranvier.nn.streaming import streaming

__all__ = ["MODULES", "Wrapped", "build", "streaming", "wrap"]
