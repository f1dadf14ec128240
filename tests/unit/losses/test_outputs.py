"""How many outputs a loss wants, and what to predict from them."""

from __future__ import annotations

import pytest
import torch

from ranvier.losses import (
    CTC,
    CrossEntropy,
    GammaLikelihood,
    GaussianLikelihood,
    MeanSquaredError,
    NegativeBinomialLikelihood,
    PerMember,
    Pinball,
    PoissonLikelihood,
    StudentLikelihood,
)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (MeanSquaredError(), ()),
        (CrossEntropy(), ()),
        (Pinball((0.25, 0.5)), ("quantile 0.25", "quantile 0.5")),
        (GaussianLikelihood(), ("mean", "log_variance")),
        (GaussianLikelihood(spread="softplus_scale"), ("mean", "softplus_scale")),
        (StudentLikelihood(), ("mean", "softplus_scale", "softplus_degrees")),
        (StudentLikelihood(4.0), ("mean", "softplus_scale")),
        (PoissonLikelihood(), ("log_mean",)),
        (NegativeBinomialLikelihood(), ("log_mean", "softplus_shape")),
        (GammaLikelihood(), ("log_mean", "softplus_shape")),
        (PerMember(Pinball((0.5,))), ("quantile 0.5",)),
    ],
    ids=str,
)
def test_a_loss_says_what_outputs_it_wants(loss, outputs):
    assert loss.outputs == outputs


@pytest.mark.parametrize(
    "loss", [PoissonLikelihood(), NegativeBinomialLikelihood(), GammaLikelihood()], ids=str
)
def test_the_expectation_of_a_positive_likelihood_is_e_to_its_first_output(loss):
    first = torch.tensor([0.0, 1.0, -2.0])
    prediction = first if len(loss.outputs) == 1 else torch.stack([first, torch.zeros(3)], 1)
    torch.testing.assert_close(loss.expectation(prediction), first.exp())


@pytest.mark.parametrize("loss", [GaussianLikelihood(), StudentLikelihood(5.0)], ids=str)
def test_the_expectation_of_a_real_likelihood_is_its_first_output(loss):
    prediction = torch.randn(3, 4, 2)
    assert torch.equal(loss.expectation(prediction), prediction[..., 0])


@pytest.mark.parametrize(
    "loss", [GaussianLikelihood(), PoissonLikelihood(), GammaLikelihood()], ids=str
)
def test_the_expectation_is_what_makes_the_mean_loss_least(loss):
    # The slope by the mean's output vanishes where the expectation is the mean of the targets.
    targets = torch.tensor([1.0, 2.0, 6.0])
    first = torch.tensor(3.0) if loss.outputs[0] == "mean" else torch.tensor(3.0).log()
    prediction = first if len(loss.outputs) == 1 else torch.stack([first, torch.tensor(0.5)])
    prediction.requires_grad_()
    (slope,) = torch.autograd.grad(
        loss(prediction.expand(3, *prediction.shape), targets), prediction
    )
    assert slope.flatten()[0].item() == pytest.approx(0, abs=1e-6)
    assert loss.expectation(prediction.detach().unsqueeze(0)).item() == pytest.approx(3)


def test_frames_come_from_a_mask_or_from_their_number():
    labels = torch.tensor([[1, 2], [2, -1]])
    wanted = [[3, 1, 2], [2, 2, -1]]
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert CTC.with_frames(labels, mask).tolist() == wanted
    assert CTC.with_frames(labels, torch.tensor([3, 2])).tolist() == wanted


def test_ctc_looks_at_no_frame_beyond_the_real_ones():
    logits = torch.randn(1, 6, 3)
    loss, labels = CTC(frames_first=True), torch.tensor([[1, 2]])
    by_mask = loss(logits, CTC.with_frames(labels, torch.tensor([4])))
    torch.testing.assert_close(by_mask, CTC()(logits[:, :4], labels))
