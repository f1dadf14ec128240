"""Descriptions become torch modules here: one builder, and our own modules where torch has none."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn import graph, layers  # noqa: F401
from ranvier.nn.build import build
from ranvier.nn.lsuv import lsuv_
from ranvier.nn.modules import MODULES
from ranvier.nn.prior import prior_bias, start_at_prior_
from ranvier.nn.streaming import streaming

__all__ = ["MODULES", "build", "lsuv_", "prior_bias", "start_at_prior_", "streaming"]
