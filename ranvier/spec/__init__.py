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
from ranvier.spec.layers.constraints import (
    CONSTRAINTS,
    Constrained,
)
from ranvier.spec.layers.dense import (
    Dense,
)
from ranvier.spec.layers.dropout import (
    AlphaDropout,
    Dropout,
    DropPath,
    FeatureAlphaDropout,
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
from ranvier.spec.layers.noise import (
    GaussianDropout,
    GaussianNoise,
)
from ranvier.spec.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
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
from ranvier.spec.layers.reparametrization import (
    SpectralNorm,
    WeightNorm,
)
from ranvier.spec.layers.reshaping import (
    Flatten,
)
from ranvier.spec.layers.table import (
    TableFeatures,
)
from ranvier.spec.layers.wrappers import (
    ActivityPenalty,
    Frozen,
    Penalized,
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
    "CONSTRAINTS",
    "GRU",
    "INITIALIZERS",
    "LAYERS",
    "LSTM",
    "Activation",
    "ActivityPenalty",
    "Again",
    "AlphaDropout",
    "Aside",
    "BatchNorm",
    "Constrained",
    "Dense",
    "Description",
    "DropPath",
    "Dropout",
    "Embedding",
    "FeatureAlphaDropout",
    "Flatten",
    "Foreign",
    "Frozen",
    "GaussianDropout",
    "GaussianNoise",
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
    "Penalized",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "RMSNorm",
    "Repeat",
    "Residual",
    "Sequence",
    "SharedDense",
    "SimpleRNN",
    "SpectralNorm",
    "TableFeatures",
    "Take",
    "TiedDense",
    "TorchModule",
    "UnitNorm",
    "WeightNorm",
    "trace",
]
