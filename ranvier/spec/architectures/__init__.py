"""Ready architectures: plain functions that return a `Network`, and their table by name."""

from ranvier.spec.architectures.bert import bert
from ranvier.spec.architectures.forecasting import n_beats, patch_tst
from ranvier.spec.architectures.language import gpt, mamba
from ranvier.spec.architectures.registry import ARCHITECTURES
from ranvier.spec.architectures.temporal import tcn
from ranvier.spec.architectures.text import bilstm, text_cnn
from ranvier.spec.architectures.translation import transformer

__all__ = [
    "ARCHITECTURES",
    "bert",
    "bilstm",
    "gpt",
    "mamba",
    "n_beats",
    "patch_tst",
    "tcn",
    "text_cnn",
    "transformer",
]
