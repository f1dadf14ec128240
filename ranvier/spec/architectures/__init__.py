"""Ready architectures: plain functions that return a `Network`, and their table by name."""

from ranvier.spec.architectures.autoencoder import autoencoder, conv_autoencoder, vae
from ranvier.spec.architectures.convnext import convnext
from ranvier.spec.architectures.dit import dit
from ranvier.spec.architectures.lenet import lenet
from ranvier.spec.architectures.mlp import mlp
from ranvier.spec.architectures.registry import ARCHITECTURES
from ranvier.spec.architectures.resnet import resnet
from ranvier.spec.architectures.unet import unet
from ranvier.spec.architectures.vit import vit
from ranvier.spec.architectures.wide_resnet import wide_resnet

__all__ = [
    "ARCHITECTURES",
    "autoencoder",
    "conv_autoencoder",
    "convnext",
    "dit",
    "lenet",
    "mlp",
    "resnet",
    "unet",
    "vae",
    "vit",
    "wide_resnet",
]
