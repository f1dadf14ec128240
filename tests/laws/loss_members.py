"""Every loss with its options, on numbers it takes: what the laws are held against.

Dimensions: B samples, C classes, K members, D numbers of a vector, T steps or frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.losses import (
    CTC,
    BinaryCrossEntropy,
    BinaryFocal,
    CategoricalHinge,
    Circle,
    Contrastive,
    CosineDistance,
    CosineEmbedding,
    CrossEntropy,
    Dice,
    Focal,
    GammaLikelihood,
    GaussianLikelihood,
    GeneralizedCrossEntropy,
    Hinge,
    Huber,
    InfoNCE,
    KLDivergence,
    KLToStandardNormal,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    MinedTriplet,
    MultiSimilarity,
    NegativeBinomialLikelihood,
    NTXent,
    PerMember,
    Pinball,
    PoissonLikelihood,
    SquaredHinge,
    StudentLikelihood,
    Triplet,
    Tversky,
)

B, C, K, D, T = 6, 3, 4, 5, 7
GENERATOR = torch.Generator().manual_seed(4)
DENSITIES = (GaussianLikelihood, StudentLikelihood, GammaLikelihood)


@dataclass(frozen=True)
class Member:
    """A loss and what it is given; the prediction is float64."""

    loss: Loss
    prediction: torch.Tensor
    target: torch.Tensor

    @property
    def is_density(self) -> bool:
        return isinstance(getattr(self.loss, "loss", self.loss), DENSITIES)

    def __str__(self) -> str:
        return f"{self.loss} {list(self.prediction.shape)} {list(self.target.shape)}"


def draw(*shape: int) -> torch.Tensor:
    return 2 * torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def whole(high: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, high, shape, generator=GENERATOR)


VALUES, TRUTH, LOGITS = draw(B), draw(B), draw(B, C)
CLASSES = torch.tensor([0, 1, 2, 1, 0, 2])
ANSWERS = torch.tensor([0, 1, 1, 0, 1, 0])
WEIGHTS = torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0, 1.5], dtype=torch.float64)
UNEQUAL = (1.0, 2.0, 0.5)
POSITIVE = draw(B).abs() + 0.1
COUNTS = torch.tensor([0, 3, 1, 12, 5, 0])
STEPS = whole(C, B, T)
# One place ignored here, all but one there; the last sample whole.
PADDED = STEPS.clone()
PADDED[0, -1], PADDED[1, 1:] = -1, -1
PIXELS = whole(C, B, 2, 3)
VOID = PIXELS.clone()
VOID[0, 0, 0], VOID[2, 1] = 255, 255
LABELS = torch.tensor([[1, 2, 2], [2, -1, -1], [1, 1, -1], [2, 1, -1], [1, 2, 1], [2, 2, -1]])
FRAMES = torch.tensor([7, 3, 5, 4, 6, 7])

REGRESSION = [
    *(
        Member(loss, prediction, target)
        for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber(0.8), LogCosh())
        for prediction, target in [(VALUES, TRUTH), (draw(B, D), draw(B, D))]
    ),
    Member(MeanSquaredError(), draw(B, 2, 3, 1), draw(B, 2, 3, 1)),
    Member(MeanAbsolutePercentageError(), VALUES, TRUTH),
    Member(MeanAbsolutePercentageError(least=0.5), draw(B, D), draw(B, D)),
    Member(MeanSquaredLogarithmicError(), draw(B).abs() + 0.2, draw(B).abs()),
    Member(MeanSquaredLogarithmicError(), draw(B, D).abs() + 0.2, draw(B, D).abs()),
    Member(Pinball(), draw(B, 3), TRUTH),
    Member(Pinball((0.3,)), VALUES, TRUTH),
    Member(Pinball((0.05, 0.95)), draw(B, D, 2), draw(B, D)),
    Member(CosineDistance(), draw(B, D), draw(B, D)),
    Member(CosineDistance(), draw(B, T, D), draw(B, T, D)),
]
LIKELIHOODS = [
    Member(GaussianLikelihood(), draw(B, 2), TRUTH),
    Member(GaussianLikelihood(spread="softplus_scale", least_scale=0.1), draw(B, D, 2), draw(B, D)),
    Member(StudentLikelihood(), draw(B, 3), TRUTH),
    Member(StudentLikelihood(4.0), draw(B, D, 2), draw(B, D)),
    Member(PoissonLikelihood(), VALUES, COUNTS),
    Member(PoissonLikelihood(), draw(B, D), whole(9, B, D)),
    Member(NegativeBinomialLikelihood(), draw(B, 2), COUNTS),
    Member(GammaLikelihood(), draw(B, 2), POSITIVE),
]
CLASSIFICATION = [
    Member(CrossEntropy(), LOGITS, CLASSES),
    Member(CrossEntropy(label_smoothing=0.1, class_weights=UNEQUAL), LOGITS, CLASSES),
    Member(CrossEntropy(class_weights=UNEQUAL), LOGITS, torch.softmax(draw(B, C), 1)),
    Member(CrossEntropy(ignore=2), LOGITS, CLASSES),
    Member(CrossEntropy(), draw(B, T, C), STEPS),
    Member(CrossEntropy(ignore=-1, label_smoothing=0.2), draw(B, T, C), PADDED),
    Member(CrossEntropy(class_weights=UNEQUAL), draw(B, T, C), torch.softmax(draw(B, T, C), -1)),
    Member(CrossEntropy(ignore=255, class_weights=UNEQUAL), draw(B, 2, 3, C), VOID),
    Member(Focal(), LOGITS, CLASSES),
    Member(Focal(0.5, label_smoothing=0.1), LOGITS, CLASSES),
    Member(Focal(class_weights=UNEQUAL, ignore=-1), draw(B, T, C), PADDED),
    Member(GeneralizedCrossEntropy(), LOGITS, CLASSES),
    Member(GeneralizedCrossEntropy(1.0, ignore=-1), draw(B, T, C), PADDED),
    Member(CategoricalHinge(), LOGITS, CLASSES),
    Member(CategoricalHinge(2.0), LOGITS, torch.softmax(draw(B, C), 1)),
    Member(CategoricalHinge(class_weights=UNEQUAL), draw(B, T, C), STEPS),
    *(
        Member(loss, prediction, target)
        for loss in (BinaryCrossEntropy(), BinaryFocal(), Hinge(), SquaredHinge())
        for prediction, target in [(VALUES, ANSWERS), (draw(B, D), whole(2, B, D))]
    ),
    Member(BinaryCrossEntropy(label_smoothing=0.1, class_weights=(1.0, 3.0)), VALUES, ANSWERS),
    Member(BinaryCrossEntropy(class_weights=(1.0, 3.0)), draw(B, D), torch.sigmoid(draw(B, D))),
    Member(BinaryFocal(0.5, class_weights=(0.25, 0.75)), VALUES, ANSWERS),
    Member(Dice(), draw(B, 2, 3, C), PIXELS),
    Member(Dice(ignore=255), draw(B, 2, 3, C), VOID),
    Member(Dice(independent=True), draw(B, 2, 3, 1), whole(2, B, 2, 3)),
    Member(Tversky(0.3, 0.7, smoothing=0.1), draw(B, 2, 3, C), PIXELS),
    Member(Tversky(independent=True), draw(B, T, C), whole(2, B, T, C)),
    Member(KLDivergence(), LOGITS, torch.softmax(draw(B, C), 1)),
    Member(KLDivergence(), draw(B, T, C), torch.softmax(draw(B, T, C), -1)),
    Member(KLToStandardNormal(), draw(B, D, 2), TRUTH),
    Member(CTC(), draw(B, T, C), LABELS),
    Member(CTC(frames_first=True), draw(B, T, C), CTC.with_frames(LABELS, FRAMES)),
]
EMBEDDINGS = [
    Member(Contrastive(4.0), draw(B, 2, D), ANSWERS),
    Member(CosineEmbedding(-0.2), draw(B, 2, D), ANSWERS),
    Member(Triplet(2.0), draw(B, 3, D), TRUTH),
    Member(MinedTriplet(), draw(B, D), CLASSES),
    Member(MinedTriplet(2.0, mining="hard"), draw(B, D), CLASSES),
    Member(InfoNCE(), draw(B, 2, D), TRUTH),
    Member(NTXent(0.5), draw(B, 2, D), TRUTH),
    Member(Circle(scale=4.0), draw(B, D), CLASSES),
    Member(MultiSimilarity(), draw(B, D), CLASSES),
]
ENSEMBLES = [
    Member(PerMember(CrossEntropy(class_weights=UNEQUAL)), draw(B, K, C), CLASSES),
    Member(PerMember(CrossEntropy(ignore=-1)), draw(B, K, T, C), PADDED),
    Member(PerMember(MeanSquaredError()), draw(B, K), TRUTH),
    Member(PerMember(GaussianLikelihood()), draw(B, K, 2), TRUTH),
    Member(PerMember(Circle(scale=4.0)), draw(B, K, D), CLASSES),
]
MEMBERS = [*REGRESSION, *LIKELIHOODS, *CLASSIFICATION, *EMBEDDINGS, *ENSEMBLES]
