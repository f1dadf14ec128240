"""One table drives the laws that every loss obeys."""

from __future__ import annotations

import json

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import ShapeError
from ranvier.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    PerMember,
    loss_from,
)

B, C, K = 6, 3, 4
GENERATOR = torch.Generator().manual_seed(4)


def draw(*shape: int) -> torch.Tensor:
    return 2 * torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


VALUES, TRUTH, LOGITS = draw(B), draw(B), draw(B, C)
CLASSES = torch.tensor([0, 1, 2, 1, 0, 2])
ANSWERS = torch.tensor([0, 1, 1, 0, 1, 0])
WEIGHTS = torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0, 1.5], dtype=torch.float64)

MEMBERS: list[tuple[Loss, torch.Tensor, torch.Tensor]] = [
    (MeanSquaredError(), VALUES, TRUTH),
    (MeanAbsoluteError(), VALUES, TRUTH),
    (Huber(0.8), VALUES, TRUTH),
    (CrossEntropy(), LOGITS, CLASSES),
    (CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.5)), LOGITS, CLASSES),
    (CrossEntropy(class_weights=(1.0, 2.0, 0.5)), LOGITS, torch.softmax(draw(B, C), 1)),
    (BinaryCrossEntropy(), VALUES, ANSWERS),
    (BinaryCrossEntropy(label_smoothing=0.1, class_weights=(1.0, 3.0)), VALUES, ANSWERS),
    (PerMember(CrossEntropy(class_weights=(1.0, 2.0, 0.5))), draw(B, K, C), CLASSES),
    (PerMember(MeanSquaredError()), draw(B, K), TRUTH),
]
every_loss = pytest.mark.parametrize(
    ("loss", "prediction", "target"), MEMBERS, ids=[str(member[0]) for member in MEMBERS]
)


def test_every_registered_loss_is_under_the_laws():
    assert {type(loss) for loss, _, _ in MEMBERS} == {*LOSSES.values(), PerMember}


@every_loss
def test_a_loss_goes_to_json_and_comes_back_the_same(loss, prediction, target):
    assert loss_from(json.loads(json.dumps(loss.to_json()))) == loss
    assert hash(loss_from(loss.to_json())) == hash(loss)


@every_loss
def test_each_gives_a_number_per_sample_of_at_least_zero(loss, prediction, target):
    each = loss.each(prediction, target)
    assert each.shape == (B,)
    assert each.dtype == prediction.dtype
    assert (each >= 0).all()


@every_loss
def test_the_gradient_is_that_of_finite_differences(loss, prediction, target):
    prediction = prediction.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, target, WEIGHTS), prediction)


@every_loss
def test_a_weight_counts_samples(loss, prediction, target):
    repeats = torch.tensor([2, 0, 1, 3, 1, 0])
    by_weight = loss(prediction, target, repeats.to(prediction.dtype))
    by_repetition = loss(
        prediction.repeat_interleave(repeats, 0), target.repeat_interleave(repeats, 0)
    )
    torch.testing.assert_close(by_weight, by_repetition)


@every_loss
def test_equal_weights_change_nothing(loss, prediction, target):
    weighted = loss(prediction, target, torch.full((B,), 7.0, dtype=torch.float64))
    torch.testing.assert_close(weighted, loss(prediction, target))


@every_loss
def test_weights_of_zero_give_a_loss_and_a_gradient_of_zero(loss, prediction, target):
    prediction = prediction.clone().requires_grad_()
    value = loss(prediction, target, torch.zeros(B, dtype=torch.float64))
    assert value.item() == 0.0
    (gradient,) = torch.autograd.grad(value, prediction)
    assert torch.count_nonzero(gradient) == 0
    assert torch.isfinite(gradient).all()


@every_loss
def test_one_sample_is_a_batch(loss, prediction, target):
    one = loss(prediction[:1], target[:1])
    torch.testing.assert_close(one, loss.each(prediction, target)[0])


@every_loss
def test_a_step_down_the_gradient_lessens_the_loss(loss, prediction, target):
    prediction = prediction.clone().requires_grad_()
    before = loss(prediction, target, WEIGHTS)
    (gradient,) = torch.autograd.grad(before, prediction)
    assert loss(prediction - 1e-3 * gradient, target, WEIGHTS) < before


@every_loss
def test_half_precision_comes_out_as_float32(loss, prediction, target):
    value = loss(prediction.to(torch.bfloat16), target, WEIGHTS.float())
    assert value.dtype == torch.float32
    torch.testing.assert_close(
        value.double(), loss(prediction, target, WEIGHTS), rtol=0.1, atol=0.1
    )


@every_loss
def test_nothing_is_broadcast(loss, prediction, target):
    with pytest.raises(ShapeError, match="expected"):
        loss(prediction, target[:1])
    with pytest.raises(ShapeError, match="expected"):
        loss(prediction[:, None], target)
    with pytest.raises(ShapeError, match="Give one weight per sample"):
        loss(prediction, target, WEIGHTS[:, None])
    with pytest.raises(ShapeError, match="Give one weight per sample"):
        loss(prediction, target, WEIGHTS[:1])


@pytest.mark.parametrize("mode", ["real", "fake"])
@every_loss
def test_a_loss_and_its_gradient_can_be_captured(loss, prediction, target, mode):
    def step(prediction, target, weight):
        prediction = prediction.detach().requires_grad_()
        value = loss(prediction, target, weight)
        return value.detach(), torch.autograd.grad(value, prediction)[0]

    captured = make_fx(step, tracing_mode=mode)(prediction, target, WEIGHTS)
    # Other numbers than those it was traced with, zero weights among them.
    for inputs in [(-prediction, target, 2 + WEIGHTS), (prediction, target, 0 * WEIGHTS)]:
        for replayed, eager in zip(captured(*inputs), step(*inputs), strict=True):
            assert torch.equal(replayed, eager)
