"""Descriptions become torch modules here: one builder, and our own modules where torch has none."""

# Each file enters its modules in the registry that the builder reads.
from ranvier.nn import foreign, graph, layers  # noqa: F401
from ranvier.nn.build import build
from ranvier.nn.foreign import Wrapped, wrap
from ranvier.nn.generate import generate
from ranvier.nn.lsuv import lsuv_
from ranvier.nn.mixing import cutmix, mixup
from ranvier.nn.modules import MODULES
from ranvier.nn.prior import prior_bias, start_at_prior_
from ranvier.nn.streaming import streaming
from ranvier.nn.views import AveragedViews, Views
from ranvier.nn.weights import Reshaped, Split, Transposed, WeightReport, load_weights

__all__ = [
    "MODULES",
    "AveragedViews",
    "Reshaped",
    "Split",
    "Transposed",
    "Views",
    "WeightReport",
    "Wrapped",
    "build",
    "cutmix",
    "generate",
    "load_weights",
    "lsuv_",
    "mixup",
    "prior_bias",
    "start_at_prior_",
    "streaming",
    "wrap",
]
