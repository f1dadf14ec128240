"""One handler per operation of torch: what it becomes on a tape."""

from ranvier.step.native.operations import (
    attention,
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
    "attention",
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
