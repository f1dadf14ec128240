"""One handler per operation of torch: what it becomes on a tape."""

from ranvier.step.native.operations import (
    elementwise,
    foreach,
    losses,
    optimizers,
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
    "optimizers",
    "products",
    "random",
    "reductions",
    "tables",
    "views",
]
