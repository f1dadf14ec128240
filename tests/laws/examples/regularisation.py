"""Normalisation, and what is random or costs something in training."""

from ranvier.spec import (
    BatchNorm,
    Dense,
    Dropout,
    DropPath,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Residual,
    RMSNorm,
)
from tests.laws.examples.example import Example

EXAMPLES = [
    Example(BatchNorm(), (4,)),
    Example(BatchNorm(momentum=0.3, affine=False), (2, 4)),
    Example(BatchNorm(), (2, 3, 4)),
    Example(GroupNorm(2), (4,)),
    Example(GroupNorm(2, epsilon=1e-3), (3, 2, 4)),
    Example(InstanceNorm(), (3, 4)),
    Example(InstanceNorm(affine=False), (3, 2, 4)),
    Example(LayerNorm(), (4,)),
    Example(LayerNorm(epsilon=1e-3, affine=False), (2, 4)),
    Example(LayerNorm(axes=2), (3, 2, 4)),
    Example(RMSNorm(), (4,)),
    Example(RMSNorm(axes=2, affine=False), (3, 2, 4)),
    Example(Dropout(0.4), (3,)),
    Example(DropPath(0.2), (2, 3)),
    Example(Residual(Dense(3), DropPath(0.4)), (3,)),
]
