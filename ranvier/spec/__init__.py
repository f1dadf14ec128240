"""What a network is: frozen data with shapes, costs and equations. Torch is not imported."""

from ranvier.spec.describe import Description
from ranvier.spec.graph import Again, Aside, Join, Take, TiedDense
from ranvier.spec.initializers import INITIALIZERS, Initializer
from ranvier.spec.joining import Parallel, Repeat, Residual, Sequence
from ranvier.spec.layer import LAYERS, Layer, Parameter, TorchModule
from ranvier.spec.layers.activation import ACTIVATIONS, Activation
from ranvier.spec.layers.additive_attention import AdditiveAttention, LuongAttention
from ranvier.spec.layers.attention import DotProductAttention, MultiHeadAttention
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout, DropPath
from ranvier.spec.layers.embedding import Embedding
from ranvier.spec.layers.ensemble import MemberDense, Members, SharedDense
from ranvier.spec.layers.feed_forward import FeedForward, GatedFeedForward
from ranvier.spec.layers.foreign import Foreign
from ranvier.spec.layers.mixture import MixtureOfExperts
from ranvier.spec.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from ranvier.spec.layers.numbers import PeriodicEmbedding, PiecewiseEmbedding
from ranvier.spec.layers.patches import PatchEmbedding, SeriesPatches
from ranvier.spec.layers.positions import ClassToken, PositionEmbedding, SinusoidalPositions
from ranvier.spec.layers.relative import Alibi, BucketedBias, DistanceBias, Rotary
from ranvier.spec.layers.reshaping import Flatten
from ranvier.spec.layers.table import TableFeatures
from ranvier.spec.layers.transformer import TransformerDecoder, TransformerEncoder
from ranvier.spec.network import Network
from ranvier.spec.trace import Node
from ranvier.spec.walk import trace

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LAYERS",
    "Activation",
    "AdditiveAttention",
    "Again",
    "Alibi",
    "Aside",
    "BatchNorm",
    "BucketedBias",
    "ClassToken",
    "Dense",
    "Description",
    "DistanceBias",
    "DotProductAttention",
    "DropPath",
    "Dropout",
    "Embedding",
    "FeedForward",
    "Flatten",
    "Foreign",
    "GatedFeedForward",
    "GroupNorm",
    "Initializer",
    "InstanceNorm",
    "Join",
    "Layer",
    "LayerNorm",
    "LuongAttention",
    "MemberDense",
    "Members",
    "MixtureOfExperts",
    "MultiHeadAttention",
    "Network",
    "Node",
    "Parallel",
    "Parameter",
    "PatchEmbedding",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "PositionEmbedding",
    "RMSNorm",
    "Repeat",
    "Residual",
    "Rotary",
    "Sequence",
    "SeriesPatches",
    "SharedDense",
    "SinusoidalPositions",
    "TableFeatures",
    "Take",
    "TiedDense",
    "TorchModule",
    "TransformerDecoder",
    "TransformerEncoder",
    "trace",
]
