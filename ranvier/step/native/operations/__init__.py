"""One handler per operation of torch: what it becomes on a tape."""

from ranvier.step.native.operations import (
    convolution,
    elementwise,
    foreach,
    losses,
    normalization,
    optimizers,
    pooling,
    products,
    random,
    reductions,
    tables,
    views,
)

__all__ = [
    "convolution",
    "elementwise",
    "foreach",
    "losses",
    "normalization",
    "optimizers",
    "pooling",
    "products",
    "random",
    "reductions",
    "tables",
    "views",
]
