"""Descriptions become torch modules here: one builder, and our own modules where torch has none."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn import activation, dense, embedding, joining, normalization  # noqa: F401
from ranvier.nn.build import MODULES, build

__all__ = ["MODULES", "build"]
