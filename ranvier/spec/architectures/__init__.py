"""Ready architectures: plain functions that return a `Network`, and their table by name."""

from ranvier.spec.architectures.autoencoder import autoencoder, conv_autoencoder, vae
from ranvier.spec.architectures.bert import bert
from ranvier.spec.architectures.compact import compact_resnet
from ranvier.spec.architectures.convnext import convnext
from ranvier.spec.architectures.dit import dit
from ranvier.spec.architectures.forecasting import n_beats, patch_tst
from ranvier.spec.architectures.language import gpt, mamba
from ranvier.spec.architectures.lenet import lenet
from ranvier.spec.architectures.mlp import mlp
from ranvier.spec.architectures.registry import ARCHITECTURES
from ranvier.spec.architectures.resnet import resnet
from ranvier.spec.architectures.temporal import tcn
from ranvier.spec.architectures.text import bilstm, text_cnn
from ranvier.spec.architectures.translation import transformer
from ranvier.spec.architectures.unet import unet
from ranvier.spec.architectures.vit import vit
from ranvier.spec.architectures.wide_resnet import wide_resnet

__all__ = [
    "ARCHITECTURES",
    "autoencoder",
    "bert",
    "bilstm",
    "compact_resnet",
    "conv_autoencoder",
    "convnext",
    "dit",
    "gpt",
    "lenet",
    "mamba",
    "mlp",
    "n_beats",
    "patch_tst",
    "resnet",
    "tcn",
    "text_cnn",
    "transformer",
    "unet",
    "vae",
    "vit",
    "wide_resnet",
]
