"""What a network is: frozen data with shapes, costs and equations. Torch is not imported."""

from ranvier.spec.activation import Activation
from ranvier.spec.activation_functions import ACTIVATIONS
from ranvier.spec.dense import Dense
from ranvier.spec.describe import Description
from ranvier.spec.dropout import Dropout
from ranvier.spec.embedding import Embedding
from ranvier.spec.ensemble import MemberDense, Members, SharedDense
from ranvier.spec.gated import GEGLU, GLU, Maxout, ReGLU, SwiGLU
from ranvier.spec.initializers import INITIALIZERS, Initializer
from ranvier.spec.joining import Parallel, Repeat, Residual, Sequence
from ranvier.spec.layer import LAYERS, Layer, Parameter, TorchModule
from ranvier.spec.network import Network
from ranvier.spec.normalization import BatchNorm, LayerNorm
from ranvier.spec.numbers import PeriodicEmbedding, PiecewiseEmbedding
from ranvier.spec.rectified import PReLU, RReLU
from ranvier.spec.reshaping import Flatten
from ranvier.spec.table import TableFeatures
from ranvier.spec.trace import Node, trace

__all__ = [
    "ACTIVATIONS",
    "GEGLU",
    "GLU",
    "INITIALIZERS",
    "LAYERS",
    "Activation",
    "BatchNorm",
    "Dense",
    "Description",
    "Dropout",
    "Embedding",
    "Flatten",
    "Initializer",
    "Layer",
    "LayerNorm",
    "Maxout",
    "MemberDense",
    "Members",
    "Network",
    "Node",
    "PReLU",
    "Parallel",
    "Parameter",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "RReLU",
    "ReGLU",
    "Repeat",
    "Residual",
    "Sequence",
    "SharedDense",
    "SwiGLU",
    "TableFeatures",
    "TorchModule",
    "trace",
]
