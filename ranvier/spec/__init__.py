"""What a network is: frozen data with shapes, costs and equations. Torch is not imported."""

from ranvier.spec.activation_functions import ACTIVATIONS
from ranvier.spec.describe import Description
from ranvier.spec.graph import Again, Aside, Join, Pick, Take, TiedDense
from ranvier.spec.initializers import INITIALIZERS, Initializer
from ranvier.spec.joining import Parallel, Repeat, Residual, Sequence
from ranvier.spec.layer import LAYERS, Layer, Parameter, TorchModule
from ranvier.spec.layers.activation import Activation
from ranvier.spec.layers.additive_attention import AdditiveAttention, LuongAttention
from ranvier.spec.layers.attention import DotProductAttention, MultiHeadAttention
from ranvier.spec.layers.augmentation import (
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from ranvier.spec.layers.cells import GRUCell, LSTMCell, RNNCell
from ranvier.spec.layers.colours import (
    RandomBrightness,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomPosterize,
    RandomSaturation,
    RandomSolarize,
)
from ranvier.spec.layers.constraints import CONSTRAINTS, Constrained
from ranvier.spec.layers.conv_lstm import ConvLSTM
from ranvier.spec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import (
    AlphaDropout,
    CodeDropout,
    Dropout,
    DropPath,
    FeatureAlphaDropout,
)
from ranvier.spec.layers.einsum import Bilinear, EinsumDense
from ranvier.spec.layers.embedding import Embedding, EmbeddingBag
from ranvier.spec.layers.ensemble import MemberDense, Members, SharedDense
from ranvier.spec.layers.feed_forward import FeedForward, GatedFeedForward
from ranvier.spec.layers.foreign import Foreign
from ranvier.spec.layers.function import FUNCTIONS, Lambda, PureFunction
from ranvier.spec.layers.gated import GEGLU, GLU, Maxout, ReGLU, SwiGLU
from ranvier.spec.layers.global_pooling import AttentionPool, GlobalAveragePool, GlobalMaxPool
from ranvier.spec.layers.lookup import IntegerLookup, StringLookup, TextVectorization
from ranvier.spec.layers.masking import MaskedFill, Masking, PaddingMask, Select
from ranvier.spec.layers.mixture import MixtureOfExperts
from ranvier.spec.layers.noise import GaussianDropout, GaussianNoise
from ranvier.spec.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from ranvier.spec.layers.numbers import PeriodicEmbedding, PiecewiseEmbedding
from ranvier.spec.layers.padding import Crop, Pad, PadFeatures
from ranvier.spec.layers.patches import PatchEmbedding, SeriesPatches
from ranvier.spec.layers.pictures import CenterCrop, Resizing
from ranvier.spec.layers.policies import RandAugment, TrivialAugment
from ranvier.spec.layers.pooling import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    MaxPool,
    PowerPool,
)
from ranvier.spec.layers.positions import ClassToken, PositionEmbedding, SinusoidalPositions
from ranvier.spec.layers.preprocessing import (
    CategoryEncoding,
    Discretization,
    FeatureCross,
    Hashing,
    Normalization,
    Rescaling,
)
from ranvier.spec.layers.rectified import PReLU, RReLU
from ranvier.spec.layers.recurrent import GRU, LSTM, SimpleRNN
from ranvier.spec.layers.relative import Alibi, BucketedBias, DistanceBias, Rotary
from ranvier.spec.layers.reparametrization import SpectralNorm, WeightNorm
from ranvier.spec.layers.resampling import PixelShuffle, PixelUnshuffle, Upsample
from ranvier.spec.layers.reshaping import Flatten, Identity, Permute, RepeatVector, Reshape, Slice
from ranvier.spec.layers.sampling import GaussianSample
from ranvier.spec.layers.scaling import AdaptiveNorm, AdaptiveScale, LayerScale
from ranvier.spec.layers.series import BasisBlock, BasisExpansion, DoublyResidual, ReversibleNorm
from ranvier.spec.layers.spectrogram import MFCC, MelSpectrogram, Spectrogram
from ranvier.spec.layers.state_space import MinGRU, SelectiveStateSpace
from ranvier.spec.layers.table import TableFeatures
from ranvier.spec.layers.time_distributed import Bidirectional, Recurrent, TimeDistributed
from ranvier.spec.layers.transformer import TransformerDecoder, TransformerEncoder
from ranvier.spec.layers.transposed_convolution import ConvTranspose
from ranvier.spec.layers.unfold import Fold, Unfold
from ranvier.spec.layers.waves import GridPositions, SinusoidalEmbedding
from ranvier.spec.layers.wrappers import ActivityPenalty, Frozen, Penalized
from ranvier.spec.network import Network
from ranvier.spec.trace import Node
from ranvier.spec.walk import trace

__all__ = [
    "ACTIVATIONS",
    "CONSTRAINTS",
    "FUNCTIONS",
    "GEGLU",
    "GLU",
    "GRU",
    "INITIALIZERS",
    "LAYERS",
    "LSTM",
    "MFCC",
    "Activation",
    "ActivityPenalty",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "AdaptiveNorm",
    "AdaptiveScale",
    "AdditiveAttention",
    "Again",
    "Alibi",
    "AlphaDropout",
    "Aside",
    "AttentionPool",
    "AveragePool",
    "BasisBlock",
    "BasisExpansion",
    "BatchNorm",
    "Bidirectional",
    "Bilinear",
    "BucketedBias",
    "CategoryEncoding",
    "CenterCrop",
    "ClassToken",
    "CodeDropout",
    "Constrained",
    "Conv",
    "ConvLSTM",
    "ConvTranspose",
    "Crop",
    "Dense",
    "DepthwiseConv",
    "Description",
    "Discretization",
    "DistanceBias",
    "DotProductAttention",
    "DoublyResidual",
    "DropPath",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "FeatureCross",
    "FeedForward",
    "Flatten",
    "Fold",
    "Foreign",
    "Frozen",
    "GRUCell",
    "GatedFeedForward",
    "GaussianDropout",
    "GaussianNoise",
    "GaussianSample",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GridPositions",
    "GroupNorm",
    "Hashing",
    "Identity",
    "Initializer",
    "InstanceNorm",
    "IntegerLookup",
    "Join",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNorm",
    "LayerScale",
    "LuongAttention",
    "MaskedFill",
    "Masking",
    "MaxPool",
    "Maxout",
    "MelSpectrogram",
    "MemberDense",
    "Members",
    "MinGRU",
    "MixtureOfExperts",
    "MultiHeadAttention",
    "Network",
    "Node",
    "Normalization",
    "PReLU",
    "Pad",
    "PadFeatures",
    "PaddingMask",
    "Parallel",
    "Parameter",
    "PatchEmbedding",
    "Penalized",
    "PeriodicEmbedding",
    "Permute",
    "Pick",
    "PiecewiseEmbedding",
    "PixelShuffle",
    "PixelUnshuffle",
    "PositionEmbedding",
    "PowerPool",
    "PureFunction",
    "RMSNorm",
    "RNNCell",
    "RReLU",
    "RandAugment",
    "RandomAffine",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomHue",
    "RandomPosterize",
    "RandomRotation",
    "RandomSaturation",
    "RandomSolarize",
    "RandomTranslation",
    "RandomZoom",
    "ReGLU",
    "Recurrent",
    "Repeat",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Residual",
    "Resizing",
    "ReversibleNorm",
    "Rotary",
    "Select",
    "SelectiveStateSpace",
    "SeparableConv",
    "Sequence",
    "SeriesPatches",
    "SharedDense",
    "SimpleRNN",
    "SinusoidalEmbedding",
    "SinusoidalPositions",
    "Slice",
    "SpectralNorm",
    "Spectrogram",
    "StringLookup",
    "SwiGLU",
    "TableFeatures",
    "Take",
    "TextVectorization",
    "TiedDense",
    "TimeDistributed",
    "TorchModule",
    "TransformerDecoder",
    "TransformerEncoder",
    "TrivialAugment",
    "Unfold",
    "UnitNorm",
    "Upsample",
    "WeightNorm",
    "trace",
]
