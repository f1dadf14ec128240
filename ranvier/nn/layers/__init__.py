"""The modules of our own kinds of layer, one file per idea, named as in `ranvier/spec/layers`."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn.layers import (  # noqa: F401
    activation,
    constraints,
    dense,
    dropout,
    embedding,
    ensemble,
    noise,
    normalization,
    numbers,
    over_time,
    recurrent,
    reparametrization,
    table,
    wrappers,
)
