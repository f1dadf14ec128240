"""Descriptions become torch modules here: one builder, and our own modules where torch has none."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn import (  # noqa: F401
    activation,
    dense,
    embedding,
    ensemble,
    gated,
    joining,
    normalization,
    numbers,
    rectified,
    table,
)
from ranvier.nn.build import MODULES, build
from ranvier.nn.lsuv import lsuv_
from ranvier.nn.prior import prior_bias, start_at_prior_

__all__ = ["MODULES", "build", "lsuv_", "prior_bias", "start_at_prior_"]
