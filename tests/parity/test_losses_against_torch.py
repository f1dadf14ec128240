"""Losses against torch's own on the same numbers, values and gradients in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, distributions

from ranvier.losses import (
    CTC,
    BinaryCrossEntropy,
    CategoricalHinge,
    CosineDistance,
    CosineEmbedding,
    CrossEntropy,
    GammaLikelihood,
    GaussianLikelihood,
    Huber,
    KLDivergence,
    KLToStandardNormal,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    NegativeBinomialLikelihood,
    PerMember,
    PoissonLikelihood,
    StudentLikelihood,
    Triplet,
)

torch.manual_seed(0)
B, T, C, D = 16, 6, 5, 4
LOGITS, CLASSES = torch.randn(B, C) * 4, torch.randint(0, C, (B,))
VALUES, TRUTH, ANSWERS = torch.randn(B), torch.randn(B), torch.randint(0, 2, (B,)).float()
SOFT = torch.softmax(torch.randn(B, C), 1)
STEPS = torch.randint(0, C, (B, T))
PADDED = STEPS.masked_fill(torch.rand(B, T) < 0.3, -100)
CLASS_WEIGHTS = (0.5, 1.0, 2.0, 4.0, 0.25)
COUNTS = torch.randint(0, 9, (B,))
LABELS = torch.randint(1, C, (B, 2))
FRAMES = torch.randint(4, T + 1, (B,))
TOGETHER = torch.randn(B, 3, D)


@dataclass(frozen=True)
class Same:
    """A loss and the torch expression that says the same of the prediction."""

    loss: Loss
    prediction: Tensor
    target: Tensor
    torch: Callable[[Tensor], Tensor]


def channels_first(z: Tensor) -> Tensor:
    return z.movedim(-1, 1)


CASES = {
    "mse": Same(MeanSquaredError(), VALUES, TRUTH, lambda z: F.mse_loss(z, TRUTH)),
    "mse, vectors": Same(MeanSquaredError(), LOGITS, SOFT, lambda z: F.mse_loss(z, SOFT)),
    "mae": Same(MeanAbsoluteError(), VALUES, TRUTH, lambda z: F.l1_loss(z, TRUTH)),
    "huber": Same(Huber(0.7), VALUES, TRUTH, lambda z: F.huber_loss(z, TRUTH, delta=0.7)),
    "cosine": Same(
        CosineDistance(), LOGITS, SOFT, lambda z: (1 - F.cosine_similarity(z, SOFT)).mean()
    ),
    "gaussian": Same(
        GaussianLikelihood(least_scale=1e-3), torch.randn(B, 2), TRUTH,
        lambda z: F.gaussian_nll_loss(z[:, 0], TRUTH, z[:, 1].exp() + 1e-6, full=True),
    ),
    "gaussian, softplus": Same(
        GaussianLikelihood(spread="softplus_scale"), torch.randn(B, 2), TRUTH,
        lambda z: -distributions.Normal(z[:, 0], F.softplus(z[:, 1]) + 1e-3).log_prob(TRUTH).mean(),
    ),
    "student": Same(
        StudentLikelihood(), torch.randn(B, 3), TRUTH,
        lambda z: -distributions.StudentT(
            2 + F.softplus(z[:, 2]), z[:, 0], F.softplus(z[:, 1]) + 1e-3
        ).log_prob(TRUTH).mean(),
    ),
    "poisson, without its constant": Same(
        PoissonLikelihood(), VALUES, COUNTS,
        lambda z: F.poisson_nll_loss(z, COUNTS) + torch.lgamma(COUNTS + 1.0).mean(),
    ),
    "poisson": Same(
        PoissonLikelihood(), VALUES, COUNTS,
        lambda z: -distributions.Poisson(z.exp()).log_prob(COUNTS).mean(),
    ),
    "negative binomial": Same(
        NegativeBinomialLikelihood(), torch.randn(B, 2), COUNTS,
        lambda z: -distributions.NegativeBinomial(
            F.softplus(z[:, 1]) + 1e-6, logits=z[:, 0] - (F.softplus(z[:, 1]) + 1e-6).log()
        ).log_prob(COUNTS).mean(),
    ),
    "gamma": Same(
        GammaLikelihood(), torch.randn(B, 2), TRUTH.abs(),
        lambda z: -distributions.Gamma(
            F.softplus(z[:, 1]) + 1e-6, (F.softplus(z[:, 1]) + 1e-6) / z[:, 0].exp()
        ).log_prob(TRUTH.abs()).mean(),
    ),
    "cross-entropy": Same(CrossEntropy(), LOGITS, CLASSES, lambda z: F.cross_entropy(z, CLASSES)),
    "soft": Same(CrossEntropy(), LOGITS, SOFT, lambda z: F.cross_entropy(z, SOFT)),
    "smoothed": Same(
        CrossEntropy(label_smoothing=0.2), LOGITS, CLASSES,
        lambda z: F.cross_entropy(z, CLASSES, label_smoothing=0.2),
    ),
    "class weights": Same(
        CrossEntropy(class_weights=CLASS_WEIGHTS), LOGITS, CLASSES,
        lambda z: F.cross_entropy(z, CLASSES, weight=torch.tensor(CLASS_WEIGHTS)),
    ),
    "steps": Same(
        CrossEntropy(), torch.randn(B, T, C), STEPS,
        lambda z: F.cross_entropy(channels_first(z), STEPS),
    ),
    "padded steps": Same(
        CrossEntropy(ignore=-100, label_smoothing=0.1), torch.randn(B, T, C), PADDED,
        lambda z: F.cross_entropy(channels_first(z), PADDED, label_smoothing=0.1),
    ),
    "padded steps, class weights": Same(
        CrossEntropy(ignore=-100, class_weights=CLASS_WEIGHTS), torch.randn(B, T, C), PADDED,
        lambda z: F.cross_entropy(channels_first(z), PADDED, weight=torch.tensor(CLASS_WEIGHTS)),
    ),
    "binary": Same(
        BinaryCrossEntropy(), VALUES, ANSWERS,
        lambda z: F.binary_cross_entropy_with_logits(z, ANSWERS),
    ),
    "labels": Same(
        BinaryCrossEntropy(), LOGITS, SOFT, lambda z: F.binary_cross_entropy_with_logits(z, SOFT)
    ),
    "divergence": Same(
        KLDivergence(), LOGITS, SOFT,
        lambda z: F.kl_div(F.log_softmax(z, 1), SOFT, reduction="batchmean"),
    ),
    "standard normal": Same(
        KLToStandardNormal(), torch.randn(B, D, 2), TRUTH,
        lambda z: distributions.kl_divergence(
            distributions.Normal(z[..., 0], (z[..., 1] / 2).exp()), distributions.Normal(0, 1)
        ).sum(1).mean(),
    ),
    "two classes by a margin": Same(
        CategoricalHinge(), LOGITS[:, :2], ANSWERS.long(),
        lambda z: 2 * F.multi_margin_loss(z, ANSWERS.long()),
    ),
    "ctc": Same(
        CTC(), torch.randn(B, T, C), LABELS,
        lambda z: F.ctc_loss(
            z.log_softmax(-1).transpose(0, 1), LABELS, [T] * B, [2] * B, reduction="sum"
        ) / B,
    ),
    "ctc, frames": Same(
        CTC(blank=C - 1, frames_first=True), torch.randn(B, T, C),
        CTC.with_frames(LABELS - 1, torch.arange(T) < FRAMES[:, None]),
        lambda z: F.ctc_loss(
            z.log_softmax(-1).transpose(0, 1), LABELS - 1, FRAMES, torch.full((B,), 2),
            blank=C - 1, reduction="sum",
        ) / B,
    ),
    "cosine embedding": Same(
        CosineEmbedding(0.2), TOGETHER[:, :2], ANSWERS,
        lambda z: F.cosine_embedding_loss(z[:, 0], z[:, 1], 2 * ANSWERS - 1, margin=0.2),
    ),
    "triplet": Same(
        Triplet(0.5), TOGETHER, ANSWERS,
        lambda z: F.triplet_margin_loss(z[:, 0], z[:, 1], z[:, 2], margin=0.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_loss_and_its_gradient_are_what_torch_makes_them(case: Same):
    prediction = case.prediction.clone().requires_grad_()
    ours, theirs = case.loss(prediction, case.target), case.torch(prediction)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    (our_gradient,) = torch.autograd.grad(ours, prediction)
    (their_gradient,) = torch.autograd.grad(theirs, prediction)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-5, atol=1e-6)


def test_two_logits_say_the_same_as_one():
    two = torch.stack([torch.zeros(B), VALUES], dim=1)
    torch.testing.assert_close(
        CrossEntropy(label_smoothing=0.3)(two, ANSWERS.long()),
        BinaryCrossEntropy(label_smoothing=0.3)(VALUES, ANSWERS),
    )


def test_the_loss_per_member_is_that_of_flattened_members():
    members = torch.randn(B, 3, C)
    expected = F.cross_entropy(members.flatten(0, 1), CLASSES.repeat_interleave(3))
    torch.testing.assert_close(PerMember(CrossEntropy())(members, CLASSES), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    half = LOGITS.to(dtype)
    loss = CrossEntropy()(half, CLASSES)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(half.float(), CLASSES))
