"""Losses against torch.nn.functional on the same numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ranvier.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    PerMember,
)

torch.manual_seed(0)
LOGITS, CLASSES = torch.randn(16, 5) * 4, torch.randint(0, 5, (16,))
VALUES, TRUTH, ANSWERS = torch.randn(16), torch.randn(16), torch.randint(0, 2, (16,)).float()
SOFT = torch.softmax(torch.randn(16, 5), 1)
CLASS_WEIGHTS = (0.5, 1.0, 2.0, 4.0, 0.25)

CASES = {
    "mse": (MeanSquaredError(), VALUES, TRUTH, F.mse_loss(VALUES, TRUTH)),
    "mae": (MeanAbsoluteError(), VALUES, TRUTH, F.l1_loss(VALUES, TRUTH)),
    "huber": (Huber(0.7), VALUES, TRUTH, F.huber_loss(VALUES, TRUTH, delta=0.7)),
    "cross-entropy": (CrossEntropy(), LOGITS, CLASSES, F.cross_entropy(LOGITS, CLASSES)),
    "soft": (CrossEntropy(), LOGITS, SOFT, F.cross_entropy(LOGITS, SOFT)),
    "smoothed": (
        CrossEntropy(label_smoothing=0.2),
        LOGITS,
        CLASSES,
        F.cross_entropy(LOGITS, CLASSES, label_smoothing=0.2),
    ),
    "class weights": (
        CrossEntropy(class_weights=CLASS_WEIGHTS),
        LOGITS,
        CLASSES,
        F.cross_entropy(LOGITS, CLASSES, weight=torch.tensor(CLASS_WEIGHTS)),
    ),
    "binary": (
        BinaryCrossEntropy(),
        VALUES,
        ANSWERS,
        F.binary_cross_entropy_with_logits(VALUES, ANSWERS),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_loss_is_what_torch_makes_it(case):
    loss, prediction, target, expected = CASES[case]
    torch.testing.assert_close(loss(prediction, target), expected, rtol=1e-6, atol=1e-7)


def test_two_logits_say_the_same_as_one():
    two = torch.stack([torch.zeros(16), VALUES], dim=1)
    torch.testing.assert_close(
        CrossEntropy(label_smoothing=0.3)(two, ANSWERS.long()),
        BinaryCrossEntropy(label_smoothing=0.3)(VALUES, ANSWERS),
    )


def test_the_loss_per_member_is_that_of_flattened_members():
    members = torch.randn(16, 3, 5)
    expected = F.cross_entropy(members.flatten(0, 1), CLASSES.repeat_interleave(3))
    torch.testing.assert_close(PerMember(CrossEntropy())(members, CLASSES), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    half = LOGITS.to(dtype)
    loss = CrossEntropy()(half, CLASSES)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(half.float(), CLASSES))
