"""The modules of our own kinds of layer, one file per idea, named as in `ranvier/spec/layers`."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn.layers import (  # noqa: F401
    activation,
    dense,
    dropout,
    embedding,
    ensemble,
    normalization,
    numbers,
    over_time,
    recurrent,
    table,
)
