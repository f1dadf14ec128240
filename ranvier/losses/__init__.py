"""How wrong a prediction is: losses per sample, from logits where that is the stable form."""

from ranvier.losses.binary_cross_entropy import BinaryCrossEntropy
from ranvier.losses.cross_entropy import CrossEntropy
from ranvier.losses.loss import LOSSES, Loss
from ranvier.losses.per_member import PerMember
from ranvier.losses.read import loss_from
from ranvier.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "PerMember",
    "loss_from",
]
