"""Every loss against its equation in NumPy float64, value and hand-derived gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    PerMember,
)

B, C, K = 7, 4, 3
RNG = np.random.default_rng(5)
WEIGHT = RNG.uniform(0.1, 3.0, B)
LOGITS = RNG.normal(0, 3, (B, C))
CLASSES = np.array([0, 1, 2, 3, 3, 0, 2])
PROBABILITIES = RNG.dirichlet(np.ones(C), B)
VALUES, TRUTH = RNG.normal(0, 2, B), RNG.normal(0, 2, B)
ANSWERS = np.array([0, 1, 1, 0, 1, 0, 0])

Oracle = tuple[np.ndarray, np.ndarray, np.ndarray]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), 1 - 1 / (1 + np.exp(-np.abs(z))))


def squared(z: np.ndarray, y: np.ndarray) -> Oracle:
    return (z - y) ** 2, 2 * (z - y), np.ones(len(y))


def absolute(z: np.ndarray, y: np.ndarray) -> Oracle:
    return np.abs(z - y), np.sign(z - y), np.ones(len(y))


def huber(delta: float):
    def oracle(z: np.ndarray, y: np.ndarray) -> Oracle:
        r = z - y
        near = np.abs(r) <= delta
        each = np.where(near, r**2 / 2, delta * (np.abs(r) - delta / 2))
        return each, np.where(near, r, delta * np.sign(r)), np.ones(len(y))

    return oracle


def cross_entropy(smoothing: float = 0.0, class_weights: tuple[float, ...] = (1.0,) * C):
    def oracle(z: np.ndarray, y: np.ndarray) -> Oracle:
        q = np.eye(C)[y] if y.ndim == 1 else y
        smooth = (1 - smoothing) * q + smoothing / C
        largest = z.max(1, keepdims=True)
        log_p = z - largest - np.log(np.exp(z - largest).sum(1, keepdims=True))
        return -(smooth * log_p).sum(1), softmax(z) - smooth, q @ np.array(class_weights)

    return oracle


def binary(smoothing: float = 0.0, class_weights: tuple[float, float] = (1.0, 1.0)):
    def oracle(z: np.ndarray, q: np.ndarray) -> Oracle:
        smooth = (1 - smoothing) * q + smoothing / 2
        each = smooth * np.logaddexp(0, -z) + (1 - smooth) * np.logaddexp(0, z)
        return each, sigmoid(z) - smooth, (1 - q) * class_weights[0] + q * class_weights[1]

    return oracle


UNEQUAL = (0.5, 1.0, 2.0, 0.0)
CASES = {
    "squared": (MeanSquaredError(), squared, VALUES, TRUTH),
    "absolute": (MeanAbsoluteError(), absolute, VALUES, TRUTH),
    "huber": (Huber(), huber(1.0), VALUES, TRUTH),
    "huber, narrow": (Huber(0.3), huber(0.3), VALUES, TRUTH),
    "classes": (CrossEntropy(), cross_entropy(), LOGITS, CLASSES),
    "classes, soft": (CrossEntropy(), cross_entropy(), LOGITS, PROBABILITIES),
    "classes, smoothed": (
        CrossEntropy(label_smoothing=0.1), cross_entropy(0.1), LOGITS, CLASSES,
    ),
    "classes, all smooth": (CrossEntropy(label_smoothing=1.0), cross_entropy(1.0), LOGITS, CLASSES),
    "classes, soft and smoothed": (
        CrossEntropy(label_smoothing=0.3), cross_entropy(0.3), LOGITS, PROBABILITIES,
    ),
    "classes, weighted": (
        CrossEntropy(class_weights=UNEQUAL), cross_entropy(0.0, UNEQUAL), LOGITS, CLASSES,
    ),
    "classes, soft, weighted and smoothed": (
        CrossEntropy(class_weights=UNEQUAL, label_smoothing=0.2), cross_entropy(0.2, UNEQUAL),
        LOGITS, PROBABILITIES,
    ),
    "binary": (BinaryCrossEntropy(), binary(), VALUES, ANSWERS),
    "binary, soft": (BinaryCrossEntropy(), binary(), VALUES, PROBABILITIES[:, 0]),
    "binary, smoothed": (BinaryCrossEntropy(label_smoothing=0.2), binary(0.2), VALUES, ANSWERS),
    "binary, all smooth": (BinaryCrossEntropy(label_smoothing=1), binary(1.0), VALUES, ANSWERS),
    "binary, weighted": (
        BinaryCrossEntropy(class_weights=(0.5, 3.0)), binary(0.0, (0.5, 3.0)), VALUES, ANSWERS,
    ),
}  # fmt: skip


def value_and_gradient(
    loss: Loss, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> tuple[float, np.ndarray]:
    z = torch.tensor(prediction, requires_grad=True)
    value = loss(z, torch.as_tensor(target), None if weight is None else torch.as_tensor(weight))
    (gradient,) = torch.autograd.grad(value, z)
    return value.item(), gradient.numpy()


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted rows"])
@pytest.mark.parametrize("case", CASES)
def test_a_loss_and_its_gradient_follow_the_equation(case, weight):
    loss, oracle, prediction, target = CASES[case]
    each, slope, class_weight = oracle(prediction, target)
    w = class_weight * (1 if weight is None else weight)
    column = w if prediction.ndim == 1 else w[:, None]

    value, gradient = value_and_gradient(loss, prediction, target, weight)

    np.testing.assert_allclose(value, w @ each / w.sum(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradient, column * slope / w.sum(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_each_is_the_loss_of_every_sample_without_weights(case):
    loss, oracle, prediction, target = CASES[case]
    each = loss.each(torch.as_tensor(prediction), torch.as_tensor(target))
    np.testing.assert_allclose(each.numpy(), oracle(prediction, target)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted rows"])
@pytest.mark.parametrize("case", CASES)
def test_the_loss_per_member_is_the_mean_of_the_members_losses(case, weight):
    loss, oracle, prediction, target = CASES[case]
    members = np.stack([prediction, -prediction, prediction / 2], axis=1)
    oracles = [oracle(members[:, k], target) for k in range(K)]
    w = oracles[0][2] * (1 if weight is None else weight)
    column = w if prediction.ndim == 1 else w[:, None]

    value, gradient = value_and_gradient(PerMember(loss), members, target, weight)

    expected = np.mean([w @ each / w.sum() for each, _, _ in oracles])
    slope = np.stack([column * slope / w.sum() / K for _, slope, _ in oracles], axis=1)
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_give_the_exact_loss_and_no_overflow(dtype):
    z = torch.tensor([[1e4, -1e4], [1e4, -1e4]], dtype=dtype, requires_grad=True)
    target = torch.tensor([0, 1])
    assert CrossEntropy().each(z, target).tolist() == [0.0, 2e4]
    (gradient,) = torch.autograd.grad(CrossEntropy()(z, target), z)
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]

    z = torch.tensor([1e4, -1e4, 1e4, -1e4], dtype=dtype, requires_grad=True)
    target = torch.tensor([1, 0, 0, 1])
    assert BinaryCrossEntropy().each(z, target).tolist() == [0.0, 0.0, 1e4, 1e4]
    (gradient,) = torch.autograd.grad(BinaryCrossEntropy()(z, target), z)
    assert gradient.tolist() == [0.0, 0.0, 0.25, -0.25]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothing_stays_finite_at_huge_logits(smoothing):
    z = torch.tensor([[1e4, -1e4, 0.0]])
    expected = -(smoothing / 3) * (0.0 - 2e4 - 1e4)
    loss = CrossEntropy(label_smoothing=smoothing)
    assert loss(z, torch.tensor([0])).item() == pytest.approx(expected)
    loss = BinaryCrossEntropy(label_smoothing=smoothing)
    expected = smoothing / 2 * 1e4
    assert loss(torch.tensor([1e4]), torch.tensor([1])).item() == pytest.approx(expected)


@pytest.mark.parametrize("residual", [1e4, -1e4])
def test_huge_residuals_pull_with_the_force_of_their_loss(residual):
    z, y = torch.tensor([residual], requires_grad=True), torch.zeros(1)
    sign = np.sign(residual)
    for loss, value, force in [
        (MeanSquaredError(), 1e8, 2 * residual),
        (MeanAbsoluteError(), 1e4, sign),
        (Huber(2.0), 2 * (1e4 - 1), 2 * sign),
    ]:
        assert loss(z, y).item() == pytest.approx(value)
        assert torch.autograd.grad(loss(z, y), z)[0].item() == pytest.approx(force)
