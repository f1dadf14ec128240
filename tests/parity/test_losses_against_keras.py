"""Losses against Keras 3 on the same numbers, in float32.

Keras takes probabilities, adds its epsilon of 1e-7 to them and averages over the last axis; where
its formula is another one, the case turns one into the other in plain sight.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.losses import (
    CTC,
    BinaryCrossEntropy,
    BinaryFocal,
    CategoricalHinge,
    Circle,
    CosineDistance,
    CrossEntropy,
    Dice,
    Focal,
    GeneralizedCrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PoissonLikelihood,
    SquaredHinge,
    Tversky,
)

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

torch.manual_seed(1)
B, T, H, W, C, D = 12, 6, 4, 3, 5, 4
VALUES, TRUTH = torch.randn(B, D), torch.randn(B, D)
LOGITS, CLASSES = torch.randn(B, C), torch.randint(0, C, (B,))
ONE_HOT, SOFT = F.one_hot(CLASSES, C).float(), torch.softmax(torch.randn(B, C), 1)
ANSWERS = torch.randint(0, 2, (B, D)).float()
STEPS = torch.randint(0, C, (B, T))
COUNTS = torch.randint(0, 9, (B, D)).float()
LABELS = torch.tensor([[1, 2], [3, 0], [4, 4], [2, 1]] * 3)
GROUPS = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3])
MASKS = torch.randint(0, 2, (B, H, W, 1)).float()


@dataclass(frozen=True)
class Same:
    """A loss and the Keras call that says the same of the prediction."""

    loss: Loss
    prediction: Tensor
    target: Tensor
    keras: Callable[[Tensor], Tensor]


def keras_mean(z: Tensor, y: Tensor, name: str, **options) -> Tensor:
    """Keras's loss class by name, on a prediction and a target in its order."""
    return getattr(keras.losses, name)(**options)(y, z)


def per_sample(z: Tensor, y: Tensor, name: str, **options) -> Tensor:
    """Keras's loss of every sample by itself: some of its losses sum over the batch."""
    losses = [keras_mean(one[None], true[None], name, **options) for one, true in zip(z, y)]
    return torch.stack(losses).mean()


CASES = {
    "mse": Same(
        MeanSquaredError(), VALUES, TRUTH, lambda z: keras_mean(z, TRUTH, "MeanSquaredError")
    ),
    "mae": Same(
        MeanAbsoluteError(), VALUES, TRUTH, lambda z: keras_mean(z, TRUTH, "MeanAbsoluteError")
    ),
    "huber": Same(Huber(0.7), VALUES, TRUTH, lambda z: keras_mean(z, TRUTH, "Huber", delta=0.7)),
    "log-cosh": Same(LogCosh(), VALUES, TRUTH, lambda z: keras_mean(z, TRUTH, "LogCosh")),
    "mape": Same(
        MeanAbsolutePercentageError(), VALUES, TRUTH,
        lambda z: keras_mean(z, TRUTH, "MeanAbsolutePercentageError"),
    ),
    "msle": Same(
        MeanSquaredLogarithmicError(), VALUES.abs() + 0.1, TRUTH.abs() + 0.1,
        lambda z: keras_mean(z, TRUTH.abs() + 0.1, "MeanSquaredLogarithmicError"),
    ),
    "cosine, which Keras gives as minus the similarity": Same(
        CosineDistance(), VALUES, TRUTH, lambda z: 1 + keras_mean(z, TRUTH, "CosineSimilarity")
    ),
    "poisson, which Keras takes the rate of and leaves the constant out": Same(
        PoissonLikelihood(), VALUES, COUNTS,
        lambda z: keras_mean(z.exp(), COUNTS, "Poisson") + torch.lgamma(COUNTS + 1).mean(),
    ),
    "categorical": Same(
        CrossEntropy(), LOGITS, ONE_HOT,
        lambda z: keras_mean(z, ONE_HOT, "CategoricalCrossentropy", from_logits=True),
    ),
    "categorical, smoothed": Same(
        CrossEntropy(label_smoothing=0.2), LOGITS, CLASSES,
        lambda z: keras_mean(
            z, ONE_HOT, "CategoricalCrossentropy", from_logits=True, label_smoothing=0.2
        ),
    ),
    "sparse": Same(
        CrossEntropy(), torch.randn(B, T, C), STEPS,
        lambda z: keras_mean(z, STEPS, "SparseCategoricalCrossentropy", from_logits=True),
    ),
    "sparse, ignoring a class": Same(
        CrossEntropy(ignore=1), torch.randn(B, T, C), STEPS,
        lambda z: keras_mean(
            z, STEPS, "SparseCategoricalCrossentropy", from_logits=True, ignore_class=1
        ),
    ),
    "binary": Same(
        BinaryCrossEntropy(label_smoothing=0.1), VALUES, ANSWERS,
        lambda z: keras_mean(
            z, ANSWERS, "BinaryCrossentropy", from_logits=True, label_smoothing=0.1
        ),
    ),
    "focal, whose alpha Keras multiplies by": Same(
        Focal(1.5), LOGITS, CLASSES,
        lambda z: keras_mean(
            z, ONE_HOT, "CategoricalFocalCrossentropy", from_logits=True, gamma=1.5, alpha=1.0
        ),
    ),
    "binary focal": Same(
        BinaryFocal(), VALUES, ANSWERS,
        lambda z: keras_mean(z, ANSWERS, "BinaryFocalCrossentropy", from_logits=True),
    ),
    "binary focal, whose balance Keras does not divide by": Same(
        BinaryFocal(class_weights=(0.75, 0.25)), VALUES, ANSWERS,
        lambda z: keras_mean(
            z, ANSWERS, "BinaryFocalCrossentropy", from_logits=True, apply_class_balancing=True
        ) / torch.where(ANSWERS > 0, 0.25, 0.75).mean(),
    ),
    "hinge": Same(Hinge(), VALUES, ANSWERS, lambda z: keras_mean(z, ANSWERS, "Hinge")),
    "squared hinge": Same(
        SquaredHinge(), VALUES, ANSWERS, lambda z: keras_mean(z, ANSWERS, "SquaredHinge")
    ),
    "categorical hinge, whose best other score Keras holds at 0 or above": Same(
        CategoricalHinge(), LOGITS.abs(), CLASSES,
        lambda z: keras_mean(z, ONE_HOT, "CategoricalHinge"),
    ),
    "divergence": Same(
        KLDivergence(), LOGITS, SOFT,
        lambda z: keras_mean(z.softmax(-1), SOFT, "KLDivergence"),
    ),
    "generalized": Same(
        GeneralizedCrossEntropy(0.5), LOGITS, CLASSES,
        lambda z: keras_mean(z.softmax(-1), CLASSES, "CategoricalGeneralizedCrossEntropy", q=0.5),
    ),
    "dice, which Keras sums over the batch": Same(
        Dice(independent=True, smoothing=1e-7), torch.randn(B, H, W, 1), MASKS,
        lambda z: per_sample(z.sigmoid(), MASKS, "Dice"),
    ),
    "tversky, whose alpha is Keras's beta": Same(
        Tversky(0.3, 0.7, independent=True, smoothing=1e-7), torch.randn(B, H, W, 1), MASKS,
        lambda z: per_sample(z.sigmoid(), MASKS, "Tversky", alpha=0.7, beta=0.3),
    ),
    "ctc, whose padding is the blank in Keras": Same(
        CTC(padding=0), torch.randn(B, T, C), LABELS, lambda z: keras_mean(z, LABELS, "CTC")
    ),
    "circle, of embeddings Keras wants of length 1": Same(
        Circle(0.4, 8.0), torch.randn(B, D), GROUPS,
        lambda z: keras_mean(F.normalize(z), GROUPS, "Circle", gamma=8.0, margin=0.4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_loss_and_its_gradient_are_what_keras_makes_them(case: Same):
    prediction = case.prediction.clone().requires_grad_()
    ours, theirs = case.loss(prediction, case.target), case.keras(prediction)
    torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)
    (our_gradient,) = torch.autograd.grad(ours, prediction)
    (their_gradient,) = torch.autograd.grad(theirs, prediction)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-4, atol=2e-6)
