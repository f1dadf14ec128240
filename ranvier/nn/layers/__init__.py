"""The modules of our own kinds of layer, one file per idea, named as in `ranvier/spec/layers`."""

from ranvier.nn.layers import (  # noqa: F401
    activation,
    convolution,
    dense,
    dropout,
    embedding,
    ensemble,
    gated,
    global_pooling,
    masking,
    normalization,
    numbers,
    over_time,
    padding,
    pooling,
    rectified,
    recurrent,
    resampling,
    reshaping,
    table,
)
