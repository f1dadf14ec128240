"""Losses where numbers are extreme or nothing is there: finite, and what the equation says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import digamma, gammaln

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
    GammaLikelihood,
    GaussianLikelihood,
    GeneralizedCrossEntropy,
    Hinge,
    Huber,
    InfoNCE,
    KLDivergence,
    KLToStandardNormal,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    MinedTriplet,
    MultiSimilarity,
    NegativeBinomialLikelihood,
    NTXent,
    PoissonLikelihood,
    SquaredHinge,
    StudentLikelihood,
    Tversky,
)
from ranvier.losses.positive import log_gamma_ratio, stirling_remainder

both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
CLASS_LOSSES = [CrossEntropy, Focal, GeneralizedCrossEntropy, CategoricalHinge]
BINARY_LOSSES = [BinaryCrossEntropy, BinaryFocal, Hinge, SquaredHinge]


def each_and_gradient(loss, prediction, target, dtype=torch.float64):
    z = torch.tensor(prediction, dtype=dtype, requires_grad=True)
    each = loss.each(z, torch.as_tensor(target))
    (gradient,) = torch.autograd.grad(each.sum(), z)
    return each.tolist(), gradient.tolist()


@both_precisions
@pytest.mark.parametrize(
    ("loss", "each", "gradient"),
    [
        (CrossEntropy(), [0, 2e4], [[0, 0], [1, -1]]),
        (Focal(), [0, 2e4], [[0, 0], [1, -1]]),
        (GeneralizedCrossEntropy(0.5), [0, 2], [[0, 0], [0, 0]]),
        (CategoricalHinge(), [0, 2e4 + 1], [[0, 0], [1, -1]]),
    ],
    ids=str,
)
def test_huge_logits_give_the_exact_loss_of_a_class(loss, each, gradient, dtype):
    came = each_and_gradient(loss, [[1e4, -1e4], [1e4, -1e4]], [0, 1], dtype)
    assert came == (each, gradient)


@both_precisions
@pytest.mark.parametrize(
    ("loss", "wrong", "slope"),
    [
        (BinaryCrossEntropy(), 1e4, 1),
        (BinaryFocal(), 1e4, 1),
        (Hinge(), 1e4 + 1, 1),
        (SquaredHinge(), (1e4 + 1) ** 2, 2 * (1e4 + 1)),
    ],
    ids=str,
)
def test_huge_logits_give_the_exact_loss_of_an_answer(loss, wrong, slope, dtype):
    each, gradient = each_and_gradient(loss, [1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1], dtype)
    assert each == pytest.approx([0, 0, wrong, wrong], rel=1e-6)
    assert gradient == [0, 0, slope, -slope]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothing_stays_finite_at_huge_logits(smoothing):
    z = torch.tensor([[1e4, -1e4, 0.0]])
    expected = -(smoothing / 3) * (0.0 - 2e4 - 1e4)
    loss = CrossEntropy(label_smoothing=smoothing)
    assert loss(z, torch.tensor([0])).item() == pytest.approx(expected)
    loss = BinaryCrossEntropy(label_smoothing=smoothing)
    expected = smoothing / 2 * 1e4
    assert loss(torch.tensor([1e4]), torch.tensor([1])).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [*CLASS_LOSSES, *BINARY_LOSSES])
def test_labels_all_smooth_say_nothing_of_the_target(kind):
    loss = kind(label_smoothing=1.0)
    z = [[2.0, -1.0, 0.5]] if kind in CLASS_LOSSES else [2.0]
    first, second = (each_and_gradient(loss, z, [answer]) for answer in (0, 1))
    assert first == second
    # And none smooth is what it is without.
    assert each_and_gradient(kind(label_smoothing=0.0), z, [1]) == each_and_gradient(kind(), z, [1])


@pytest.mark.parametrize("kind", CLASS_LOSSES)
def test_a_single_class_is_never_in_doubt(kind):
    assert each_and_gradient(kind(), [[3.0], [-1e4]], [0, 0]) == ([0, 0], [[0], [0]])


@pytest.mark.parametrize("kind", CLASS_LOSSES)
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_probabilities_of_exactly_0_and_1_say_what_the_index_says(kind, size):
    z = size * np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0]])
    by_index, by_one_hot = (each_and_gradient(kind(), z, y) for y in ([2, 0], np.eye(3)[[2, 0]]))
    assert np.isfinite(by_index[1]).all()
    np.testing.assert_allclose(by_one_hot[0], by_index[0], rtol=1e-12)
    np.testing.assert_allclose(by_one_hot[1], by_index[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", CLASS_LOSSES)
def test_a_mixed_target_costs_the_mixture_of_its_classes(kind):
    z = np.array([[1.0, -2.0, 0.5]] * 3)
    each, _ = each_and_gradient(kind(), z, [[0.3, 0, 0.7], [1, 0, 0], [0, 0, 1]])
    assert each[0] == pytest.approx(0.3 * each[1] + 0.7 * each[2])


def test_the_divergence_from_exact_zeros_is_finite():
    each, gradient = each_and_gradient(KLDivergence(), [[1e4, 0.0], [0.0, 0.0]], [[0, 1], [1, 0.0]])
    assert each == [1e4, pytest.approx(math.log(2))]
    assert gradient == [[1, -1], [-0.5, 0.5]]


@pytest.mark.parametrize("loss", [CrossEntropy(class_weights=(1, 1, 1), ignore=5), Dice(ignore=5)])
def test_a_batch_of_nothing_but_ignored_places_has_a_loss_and_a_gradient_of_zero(loss):
    z = torch.randn(2, 4, 3, requires_grad=True)
    value = loss(z, torch.full((2, 4), 5))
    assert value.item() == 0
    assert torch.count_nonzero(torch.autograd.grad(value, z)[0]) == 0


@pytest.mark.parametrize("kind", [CrossEntropy, Focal, GeneralizedCrossEntropy, CategoricalHinge])
def test_padding_changes_nothing(kind):
    z, y = torch.randn(1, 4, 3), torch.tensor([[2, 0, -1, -1]])
    torch.testing.assert_close(kind(ignore=-1)(z, y), kind()(z[:, :2], y[:, :2]))


@both_precisions
@pytest.mark.parametrize("kind", [Dice, Tversky])
def test_a_class_that_is_neither_there_nor_predicted_overlaps_fully(kind, dtype):
    # Class 2 is nowhere; classes 0 and 1 are all right.
    logits = torch.tensor([[[1e4, -1e4, -1e4], [-1e4, 1e4, -1e4]]], dtype=dtype, requires_grad=True)
    each = kind().each(logits, torch.tensor([[0, 1]]))
    assert each.item() == 0
    assert torch.count_nonzero(torch.autograd.grad(each.sum(), logits)[0]) == 0


def test_a_class_that_is_missed_entirely_costs_all_but_the_smoothing():
    logits = torch.tensor([[[1e4, -1e4]] * 4])
    # D = s/(4 + s) twice: class 0 all false alarms, class 1 all misses.
    assert Dice(smoothing=1.0).each(logits, torch.ones(1, 4).long()).item() == pytest.approx(0.8)


@pytest.mark.parametrize("residual", [1e4, -1e4])
def test_huge_residuals_pull_with_the_force_of_their_loss(residual):
    sign = np.sign(residual)
    for loss, value, force in [
        (MeanSquaredError(), 1e8, 2 * residual),
        (MeanAbsoluteError(), 1e4, sign),
        (Huber(2.0), 2 * (1e4 - 1), 2 * sign),
        (LogCosh(), 1e4 - math.log(2), sign),
    ]:
        each, gradient = each_and_gradient(loss, [residual], [0.0])
        assert each == [pytest.approx(value)]
        assert gradient == [pytest.approx(force)]


@both_precisions
def test_an_exact_hit_with_no_spread_left_stops_at_the_floor(dtype):
    for spread in ("log_variance", "softplus_scale"):
        loss = GaussianLikelihood(spread=spread, least_scale=1e-2)
        each, _ = each_and_gradient(loss, [[0.5, -1e4]], [0.5], dtype)
        assert each[0] == pytest.approx(math.log(1e-2) + 0.5 * math.log(2 * math.pi), rel=1e-5)


def test_an_endless_variance_costs_half_its_logarithm():
    each, gradient = each_and_gradient(GaussianLikelihood(), [[0.0, 1e4]], [1.0])
    assert each[0] == pytest.approx(5e3 + 0.5 * math.log(2 * math.pi))
    assert gradient == [[0.0, 0.5]]


def test_the_farther_an_outlier_the_less_it_pulls_on_a_student():
    _, gradient = each_and_gradient(StudentLikelihood(4.0), [[0.0, 0.0]] * 3, [2.0, 20.0, 1e4])
    pulls = [-by_mean for by_mean, _ in gradient]
    assert pulls[0] > pulls[1] > pulls[2] > 0


@both_precisions
def test_a_mean_beyond_e_to_the_30_goes_on_as_a_tangent(dtype):
    each, gradient = each_and_gradient(PoissonLikelihood(), [1e4], [3], dtype)
    expected = math.exp(30) * (1 + 1e4 - 30) - 3e4 + math.log(6)
    assert each == [pytest.approx(expected, rel=1e-6)]
    assert gradient == [pytest.approx(math.exp(30) - 3, rel=1e-6)]
    each, gradient = each_and_gradient(KLToStandardNormal(), [[[0.0, 1e4]]], [0], dtype)
    expected = 0.5 * (math.exp(30) * (1 + 1e4 - 30) - 1 - 1e4)
    assert each == [pytest.approx(expected, rel=1e-6)]
    assert gradient[0][0][1] == pytest.approx(0.5 * math.exp(30), rel=1e-6)


def test_a_gamma_amount_of_zero_is_finite():
    each, gradient = each_and_gradient(GammaLikelihood(), [[0.0, 0.5]], [0.0])
    assert np.isfinite([*each, *gradient[0]]).all()


def test_a_negative_binomial_of_large_shape_is_a_poisson():
    eta, counts = torch.tensor([0.3, 2.0, -1.0]), torch.tensor([0, 9, 2])
    shaped = torch.stack([eta, torch.full((3,), 1e6)], 1)
    # In float32, where the plain difference of log-gammas would have lost every digit.
    torch.testing.assert_close(
        NegativeBinomialLikelihood().each(shaped, counts), PoissonLikelihood().each(eta, counts),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


def test_logarithms_of_the_gamma_function_keep_their_digits():
    x = torch.logspace(-6, 8, 200, dtype=torch.float64).requires_grad_()
    n = x.detach().numpy()
    plain = gammaln(n) - (n - 0.5) * np.log(n) + n - 0.5 * np.log(2 * np.pi)
    remainder = stirling_remainder(x)
    # What the plain difference itself is good to, for want of a better reference.
    assert (np.abs(remainder.detach().numpy() - plain) <= 1e-14 * (1 + n * np.log(n + 2))).all()
    (slope,) = torch.autograd.grad(remainder.sum(), x)
    np.testing.assert_allclose(slope, digamma(n) - np.log(n) + 0.5 / n, rtol=1e-9, atol=1e-14)
    # Γ(x + 1) = x·Γ(x)
    one = log_gamma_ratio(x, 1.0).detach()
    np.testing.assert_allclose(one, np.log(n), rtol=1e-12, atol=1e-12)


def test_a_vector_of_no_length_is_square_to_every_other():
    each, gradient = each_and_gradient(CosineDistance(), [[0.0, 0.0]], [[1.0, 2.0]])
    assert each == [1.0]
    assert np.isfinite(gradient).all()


def test_labels_that_need_more_frames_than_there_are_teach_nothing():
    each, gradient = each_and_gradient(CTC(), np.ones((2, 2, 3)), [[1, 1], [1, 2]])
    assert each == [0.0, pytest.approx(2 * math.log(3))]
    assert np.count_nonzero(gradient[0]) == 0
    assert np.isfinite(gradient).all()


@both_precisions
def test_huge_logits_give_the_exact_loss_of_a_sequence(dtype):
    # Class 1 at both frames, by 10,000: the blank is 10,000 short, and so is class 2.
    each, _ = each_and_gradient(CTC(), [[[0.0, 1e4, 0.0]] * 2] * 2, [[1, -1], [1, 2]], dtype)
    assert each == [0.0, 1e4]


@pytest.mark.parametrize("loss", [MinedTriplet(), MinedTriplet(mining="hard"), Circle(),
                                  MultiSimilarity()], ids=str)  # fmt: skip
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["no unlike", "no like"])
def test_a_batch_that_cannot_be_compared_has_a_loss_and_a_gradient_of_zero(loss, labels):
    embeddings = torch.randn(3, 4, requires_grad=True)
    value = loss(embeddings, torch.tensor(labels))
    assert value.item() == 0
    assert torch.count_nonzero(torch.autograd.grad(value, embeddings)[0]) == 0


@pytest.mark.parametrize("loss", [MinedTriplet(), MinedTriplet(mining="hard"), Circle(),
                                  MultiSimilarity()], ids=str)  # fmt: skip
def test_embeddings_that_fell_together_have_a_finite_gradient(loss):
    embeddings = torch.ones(4, 3, requires_grad=True)
    value = loss(embeddings, torch.tensor([0, 0, 1, 1]))
    assert value.item() > 0
    assert torch.isfinite(torch.autograd.grad(value, embeddings)[0]).all()


@pytest.mark.parametrize("loss", [InfoNCE(), NTXent()], ids=str)
def test_a_view_with_no_other_sample_is_found(loss):
    each, gradient = each_and_gradient(loss, np.ones((1, 2, 3)), [0])
    assert each == [0.0]
    assert np.count_nonzero(gradient) == 0
