"""How wrong a prediction is: losses per sample, from logits where that is the stable form."""

from ranvier.losses.binary import BinaryLoss
from ranvier.losses.binary_cross_entropy import BinaryCrossEntropy
from ranvier.losses.classes import ClassLoss
from ranvier.losses.cosine_distance import CosineDistance
from ranvier.losses.cross_entropy import CrossEntropy
from ranvier.losses.ctc import CTC
from ranvier.losses.divergence import KLDivergence, KLToStandardNormal
from ranvier.losses.focal import BinaryFocal, Focal
from ranvier.losses.generalized_cross_entropy import GeneralizedCrossEntropy
from ranvier.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from ranvier.losses.likelihoods import (
    GammaLikelihood,
    GaussianLikelihood,
    Likelihood,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    StudentLikelihood,
)
from ranvier.losses.loss import LOSSES, Loss
from ranvier.losses.overlap import Dice, Tversky
from ranvier.losses.pairs import Contrastive, CosineEmbedding
from ranvier.losses.per_member import PerMember
from ranvier.losses.pinball import Pinball
from ranvier.losses.read import loss_from
from ranvier.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    ResidualLoss,
)
from ranvier.losses.relative import MeanAbsolutePercentageError, MeanSquaredLogarithmicError
from ranvier.losses.several_outputs import SeveralOutputs
from ranvier.losses.similarity import Circle, MultiSimilarity
from ranvier.losses.triplet import MinedTriplet, Triplet
from ranvier.losses.views import InfoNCE, NTXent

__all__ = [
    "CTC",
    "LOSSES",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "BinaryLoss",
    "CategoricalHinge",
    "Circle",
    "ClassLoss",
    "Contrastive",
    "CosineDistance",
    "CosineEmbedding",
    "CrossEntropy",
    "Dice",
    "Focal",
    "GammaLikelihood",
    "GaussianLikelihood",
    "GeneralizedCrossEntropy",
    "Hinge",
    "Huber",
    "InfoNCE",
    "KLDivergence",
    "KLToStandardNormal",
    "Likelihood",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "MinedTriplet",
    "MultiSimilarity",
    "NTXent",
    "NegativeBinomialLikelihood",
    "PerMember",
    "Pinball",
    "PoissonLikelihood",
    "ResidualLoss",
    "SeveralOutputs",
    "SquaredHinge",
    "StudentLikelihood",
    "Triplet",
    "Tversky",
    "loss_from",
]
