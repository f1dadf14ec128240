"""What a network is: frozen data with shapes, costs and equations. Torch is not imported."""

from ranvier.spec.activation import ACTIVATIONS, Activation
from ranvier.spec.dense import Dense
from ranvier.spec.describe import Description
from ranvier.spec.dropout import Dropout
from ranvier.spec.embedding import Embedding
from ranvier.spec.ensemble import MemberDense, Members, SharedDense
from ranvier.spec.initializers import INITIALIZERS, Initializer
from ranvier.spec.joining import Parallel, Repeat, Residual, Sequence
from ranvier.spec.layer import LAYERS, Layer, Parameter, TorchModule
from ranvier.spec.network import Network
from ranvier.spec.normalization import BatchNorm, LayerNorm
from ranvier.spec.numbers import PeriodicEmbedding, PiecewiseEmbedding
from ranvier.spec.reshaping import Flatten
from ranvier.spec.table import TableFeatures
from ranvier.spec.trace import Node, trace

__all__ = [
    "ACTIVATIONS",
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
    "MemberDense",
    "Members",
    "Network",
    "Node",
    "Parallel",
    "Parameter",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "Repeat",
    "Residual",
    "Sequence",
    "SharedDense",
    "TableFeatures",
    "TorchModule",
    "trace",
]
