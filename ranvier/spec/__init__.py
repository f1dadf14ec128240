"""What a network is: frozen data with shapes, costs and equations. Torch is not imported."""

from ranvier.spec.describe import (
    Description,
)
from ranvier.spec.graph import (
    Again,
    Aside,
    Join,
    Take,
    TiedDense,
)
from ranvier.spec.initializers import (
    INITIALIZERS,
    Initializer,
)
from ranvier.spec.joining import (
    Parallel,
    Repeat,
    Residual,
    Sequence,
)
from ranvier.spec.layer import (
    LAYERS,
    Layer,
    Parameter,
    TorchModule,
)
from ranvier.spec.layers.activation import (
    ACTIVATIONS,
    Activation,
)
from ranvier.spec.layers.dense import (
    Dense,
)
from ranvier.spec.layers.dropout import (
    Dropout,
    DropPath,
)
from ranvier.spec.layers.embedding import (
    Embedding,
)
from ranvier.spec.layers.ensemble import (
    MemberDense,
    Members,
    SharedDense,
)
from ranvier.spec.layers.foreign import (
    Foreign,
)
from ranvier.spec.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from ranvier.spec.layers.numbers import (
    PeriodicEmbedding,
    PiecewiseEmbedding,
)
from ranvier.spec.layers.recurrent import (
    GRU,
    LSTM,
    SimpleRNN,
)
from ranvier.spec.layers.reshaping import (
    Flatten,
)
from ranvier.spec.layers.table import (
    TableFeatures,
)
from ranvier.spec.network import (
    Network,
)
from ranvier.spec.trace import (
    Node,
)
from ranvier.spec.walk import (
    trace,
)

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "INITIALIZERS",
    "LAYERS",
    "LSTM",
    "Activation",
    "Again",
    "Aside",
    "BatchNorm",
    "Dense",
    "Description",
    "DropPath",
    "Dropout",
    "Embedding",
    "Flatten",
    "Foreign",
    "GroupNorm",
    "Initializer",
    "InstanceNorm",
    "Join",
    "Layer",
    "LayerNorm",
    "MemberDense",
    "Members",
    "Network",
    "Node",
    "Parallel",
    "Parameter",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "RMSNorm",
    "Repeat",
    "Residual",
    "Sequence",
    "SharedDense",
    "SimpleRNN",
    "TableFeatures",
    "Take",
    "TiedDense",
    "TorchModule",
    "trace",
]
