"""One handler per operation of torch: what it becomes on a tape."""

from ranvier.step.native.operations import (
    elementwise,
    foreach,
    losses,
    normalization,
    optimizers,
    pictures,
    products,
    random,
    reductions,
    tables,
    views,
)

__all__ = [
    "elementwise",
    "foreach",
    "losses",
    "normalization",
    "optimizers",
    "pictures",
    "products",
    "random",
    "reductions",
    "tables",
    "views",
]
