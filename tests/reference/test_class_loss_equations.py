"""Losses of classes and regions against their equations in NumPy float64, derivatives by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.losses import (
    CTC,
    BinaryCrossEntropy,
    BinaryFocal,
    CategoricalHinge,
    CrossEntropy,
    Dice,
    Focal,
    GeneralizedCrossEntropy,
    Hinge,
    KLDivergence,
    SquaredHinge,
    Tversky,
)
from tests.reference.loss_oracle import Case, log_softmax, sigmoid, softmax, softplus

B, C, D, H, W, T = 7, 4, 3, 2, 3, 6
RNG = np.random.default_rng(7)
WEIGHT = RNG.uniform(0.1, 3.0, B)
UNEQUAL = (0.5, 1.0, 2.0, 0.0)


def classes(costs_and_slopes, *, smoothing=0.0, weights=(1.0,) * C, ignore=None):
    """Σ_c q'_c·cost_c from `costs_and_slopes(z)`: costs [..., C] and slopes [..., C, C]."""

    def oracle(z, y):
        if y.ndim < z.ndim:
            counted = np.ones(y.shape, bool) if ignore is None else y != ignore
            q = np.eye(z.shape[-1])[np.where(counted, y, 0)]
        else:
            q, counted = y, np.ones(y.shape[:-1], bool)
        smooth = (1 - smoothing) * q + smoothing / z.shape[-1]
        costs, slopes = costs_and_slopes(z)
        by_z = np.einsum("...c,...cj->...j", smooth, slopes)
        return (smooth * costs).sum(-1) * counted, by_z, (q @ np.array(weights)) * counted

    return oracle


def surprise(z):
    return -log_softmax(z), softmax(z)[..., None, :] - np.eye(z.shape[-1])


def through_softmax(z, cost, cost_by_p):
    """The slopes of cost(p_c) by z_j: cost'(p_c)·p_c·(δ_cj − p_j)."""
    p = softmax(z)
    return cost(p), (cost_by_p(p) * p)[..., None] * (np.eye(z.shape[-1]) - p[..., None, :])


def focal(focus):
    def cost(p):
        return -((1 - p) ** focus) * np.log(p)

    def cost_by_p(p):
        return focus * (1 - p) ** (focus - 1) * np.log(p) - (1 - p) ** focus / p

    return lambda z: through_softmax(z, cost, cost_by_p)


def generalized(kappa):
    return lambda z: through_softmax(
        z, lambda p: (1 - p**kappa) / kappa, lambda p: -(p ** (kappa - 1))
    )


def crammer_singer(margin):
    def costs_and_slopes(z):
        costs, slopes = np.zeros(z.shape), np.zeros((*z.shape, z.shape[-1]))
        for place in np.ndindex(z.shape[:-1]):
            for c in range(z.shape[-1]):
                others = np.where(np.arange(z.shape[-1]) == c, -np.inf, z[place])
                best = others.argmax()
                lack = margin + others[best] - z[place][c]
                if lack > 0:
                    costs[place][c] = lack
                    slopes[place][c, best], slopes[place][c, c] = 1, -1
        return costs, slopes

    return costs_and_slopes


def binary(cost_and_slope, *, smoothing=0.0, weights=(1.0, 1.0)):
    def oracle(z, q):
        smooth = (1 - smoothing) * q + smoothing / 2
        (yes, by_yes), (no, by_no) = cost_and_slope(z), cost_and_slope(-z)
        each = smooth * yes + (1 - smooth) * no
        slope = smooth * by_yes - (1 - smooth) * by_no
        return each, slope, (1 - q) * weights[0] + q * weights[1]

    return oracle


def yes_surprise(z):
    return softplus(-z), -sigmoid(-z)


def yes_focal(focus):
    def cost_and_slope(z):
        p, doubt, log_p = sigmoid(z), sigmoid(-z), -softplus(-z)
        return -(doubt**focus) * log_p, doubt**focus * (focus * p * log_p - doubt)

    return cost_and_slope


def yes_hinge(z):
    return np.maximum(0, 1 - z), np.where(z < 1, -1.0, 0.0)


def yes_squared_hinge(z):
    return np.maximum(0, 1 - z) ** 2, -2 * np.maximum(0, 1 - z)


def kullback_leibler(z, q):
    log_q = np.log(np.where(q > 0, q, 1))
    each = (q * (log_q - log_softmax(z))).sum(-1)
    return each, softmax(z) * q.sum(-1, keepdims=True) - q, np.ones(each.shape)


def overlap(alpha, beta, smoothing, *, independent=False, ignore=None):
    """1 − mean over classes of (TP + s) / (TP + α·FP + β·FN + s)."""

    def oracle(z, y):
        classes = z.shape[-1]
        counted = np.ones(z.shape[:-1]) if ignore is None else (y != ignore) * 1.0
        if independent:
            q, p = y.reshape(z.shape) * 1.0, sigmoid(z)
        else:
            q, p = (
                (np.eye(classes)[np.where(counted > 0, y, 0)] if y.ndim < z.ndim else y),
                softmax(z),
            )
        axes, m = tuple(range(1, z.ndim - 1)), counted[..., None]
        hits = (m * p * q).sum(axes, keepdims=True)
        below = hits + alpha * (m * p * (1 - q)).sum(axes, keepdims=True) + smoothing
        below = below + beta * (m * (1 - p) * q).sum(axes, keepdims=True)
        share = (hits + smoothing) / below
        by_p = -m * (q - share * (q + alpha * (1 - q) - beta * q)) / below / classes
        slope = (
            by_p * p * (1 - p) if independent else p * (by_p - (by_p * p).sum(-1, keepdims=True))
        )
        each = 1 - share.reshape(len(z), classes).mean(1)
        return each, slope, (counted.reshape(len(z), -1).sum(1) > 0) * 1.0

    return oracle


def ctc(lengths=None):
    """Graves's forward–backward recursions over the labels with blanks between, in plain numbers."""

    def oracle(z, y):
        each, slope = np.zeros(len(z)), np.zeros(z.shape)
        for i, labels in enumerate(y):
            frames = z.shape[1] if lengths is None else lengths[i]
            path = [0]
            for label in labels[labels >= 0]:
                path += [label, 0]
            p = softmax(z[i, :frames])
            each[i], slope[i, :frames] = one_sequence(p, np.array(path))
        return each, slope, np.ones(len(z))

    return oracle


def one_sequence(p, path):
    frames, states = len(p), len(path)
    skips = np.array([s > 1 and path[s] != 0 and path[s] != path[s - 2] for s in range(states)])
    forward, backward = np.zeros((frames, states)), np.zeros((frames, states))
    forward[0, :2] = p[0, path[:2]]
    for t in range(1, frames):
        for s in range(states):
            came = forward[t - 1, s] + (forward[t - 1, s - 1] if s else 0)
            forward[t, s] = p[t, path[s]] * (came + (forward[t - 1, s - 2] if skips[s] else 0))
    backward[-1, -2:] = 1
    for t in range(frames - 2, -1, -1):
        ahead = backward[t + 1] * p[t + 1, path]
        for s in range(states):
            goes = ahead[s] + (ahead[s + 1] if s + 1 < states else 0)
            skip = s + 2 < states and skips[s + 2]
            backward[t, s] = goes + (ahead[s + 2] if skip else 0)
    likelihood = (forward[-1] * backward[-1]).sum()
    occupied = np.zeros_like(p)
    for s in range(states):
        occupied[:, path[s]] += forward[:, s] * backward[:, s] / likelihood
    return -np.log(likelihood), p - occupied


def draw(*shape):
    return RNG.normal(0, 2, shape)


def soft(*shape):
    return RNG.dirichlet(np.ones(shape[-1]), shape[:-1])


LOGITS, CLASSES, SOFT = draw(B, C), RNG.integers(0, C, B), soft(B, C)
VALUES, ANSWERS, CHANCES = draw(B), RNG.integers(0, 2, B), RNG.uniform(0, 1, B)
STEPS = RNG.integers(0, C, (B, T))
PADDED = np.where(RNG.uniform(size=(B, T)) < 0.3, -1, STEPS)
PADDED[0] = -1  # a sample of nothing but padding
PIXELS = RNG.integers(0, C, (B, H, W))
VOID = np.where(RNG.uniform(size=(B, H, W)) < 0.3, 255, PIXELS)
VOID[1] = 255
SEQUENCES = np.array(
    [[1, 2, 3], [1, 1, -1], [2, -1, -1], [3, 3, 3], [-1, -1, -1], [1, 2, 1], [3, 2, -1]]
)
FRAMES = np.array([6, 4, 1, 6, 2, 5, 3])

CLASS_CASES = {
    "cross-entropy": Case(CrossEntropy(), classes(surprise), LOGITS, CLASSES),
    "cross-entropy, soft": Case(CrossEntropy(), classes(surprise), LOGITS, SOFT),
    "cross-entropy, smoothed": Case(
        CrossEntropy(label_smoothing=0.1), classes(surprise, smoothing=0.1), LOGITS, CLASSES
    ),
    "cross-entropy, all smooth": Case(
        CrossEntropy(label_smoothing=1.0), classes(surprise, smoothing=1.0), LOGITS, CLASSES
    ),
    "cross-entropy, soft and smoothed": Case(
        CrossEntropy(label_smoothing=0.3), classes(surprise, smoothing=0.3), LOGITS, SOFT
    ),
    "cross-entropy, weighted": Case(
        CrossEntropy(class_weights=UNEQUAL), classes(surprise, weights=UNEQUAL), LOGITS, CLASSES
    ),
    "cross-entropy, soft, weighted and smoothed": Case(
        CrossEntropy(class_weights=UNEQUAL, label_smoothing=0.2),
        classes(surprise, weights=UNEQUAL, smoothing=0.2), LOGITS, SOFT,
    ),
    "cross-entropy, steps": Case(CrossEntropy(), classes(surprise), draw(B, T, C), STEPS),
    "cross-entropy, soft pixels": Case(
        CrossEntropy(label_smoothing=0.2), classes(surprise, smoothing=0.2),
        draw(B, H, W, C), soft(B, H, W, C),
    ),
    "cross-entropy, ignored class": Case(
        CrossEntropy(ignore=2), classes(surprise, ignore=2), LOGITS, CLASSES
    ),
    "cross-entropy, padded": Case(
        CrossEntropy(ignore=-1), classes(surprise, ignore=-1), draw(B, T, C), PADDED
    ),
    "cross-entropy, void, weighted and smoothed": Case(
        CrossEntropy(ignore=255, class_weights=UNEQUAL, label_smoothing=0.1),
        classes(surprise, ignore=255, weights=UNEQUAL, smoothing=0.1), draw(B, H, W, C), VOID,
    ),
    "cross-entropy, soft steps, weighted": Case(
        CrossEntropy(class_weights=UNEQUAL), classes(surprise, weights=UNEQUAL),
        draw(B, T, C), soft(B, T, C),
    ),
    "focal": Case(Focal(), classes(focal(2.0)), LOGITS, CLASSES),
    "focal, half": Case(Focal(0.5), classes(focal(0.5)), LOGITS, CLASSES),
    "focal, zero": Case(Focal(0.0), classes(surprise), LOGITS, CLASSES),
    "focal, soft": Case(
        Focal(1.5, label_smoothing=0.1), classes(focal(1.5), smoothing=0.1), LOGITS, SOFT
    ),
    "focal, padded and weighted": Case(
        Focal(class_weights=UNEQUAL, ignore=-1), classes(focal(2.0), weights=UNEQUAL, ignore=-1),
        draw(B, T, C), PADDED,
    ),
    "generalized": Case(
        GeneralizedCrossEntropy(), classes(generalized(0.7)), LOGITS, CLASSES
    ),
    "generalized, absolute": Case(
        GeneralizedCrossEntropy(1.0), classes(generalized(1.0)), LOGITS, SOFT
    ),
    "generalized, padded": Case(
        GeneralizedCrossEntropy(0.2, ignore=-1), classes(generalized(0.2), ignore=-1),
        draw(B, T, C), PADDED,
    ),
    "categorical hinge": Case(
        CategoricalHinge(), classes(crammer_singer(1.0)), LOGITS, CLASSES
    ),
    "categorical hinge, soft, weighted": Case(
        CategoricalHinge(2.5, class_weights=UNEQUAL), classes(crammer_singer(2.5), weights=UNEQUAL),
        LOGITS, SOFT,
    ),
    "categorical hinge, steps": Case(
        CategoricalHinge(label_smoothing=0.2), classes(crammer_singer(1.0), smoothing=0.2),
        draw(B, T, C), STEPS,
    ),
    "divergence": Case(KLDivergence(), kullback_leibler, LOGITS, SOFT),
    "divergence, one-hot": Case(KLDivergence(), kullback_leibler, LOGITS, np.eye(C)[CLASSES]),
    "divergence, steps": Case(KLDivergence(), kullback_leibler, draw(B, T, C), soft(B, T, C)),
}  # fmt: skip
BINARY_CASES = {
    f"{name}, {how}": Case(loss(**options), binary(oracle, **oracle_options), z, q)
    for name, loss, oracle in [
        ("binary", BinaryCrossEntropy, yes_surprise),
        ("binary focal", BinaryFocal, yes_focal(2.0)),
        ("hinge", Hinge, yes_hinge),
        ("squared hinge", SquaredHinge, yes_squared_hinge),
    ]
    for how, options, oracle_options, z, q in [
        ("hard", {}, {}, VALUES, ANSWERS),
        ("soft", {}, {}, VALUES, CHANCES),
        ("all smooth", {"label_smoothing": 1.0}, {"smoothing": 1.0}, VALUES, ANSWERS),
        ("soft and smoothed", {"label_smoothing": 0.2}, {"smoothing": 0.2}, VALUES, CHANCES),
        ("weighted", {"class_weights": (0.5, 3)}, {"weights": (0.5, 3)}, VALUES, ANSWERS),
        ("labels", {}, {}, draw(B, D), RNG.integers(0, 2, (B, D))),
        (
            "labels, weighted", {"class_weights": (0.5, 3)}, {"weights": (0.5, 3)},
            draw(B, D), RNG.integers(0, 2, (B, D)),
        ),
    ]
} | {
    "binary focal, half": Case(BinaryFocal(0.5), binary(yes_focal(0.5)), VALUES, ANSWERS)
}  # fmt: skip
REGION_CASES = {
    "dice": Case(Dice(), overlap(0.5, 0.5, 0.5), draw(B, H, W, C), PIXELS),
    "dice, soft": Case(Dice(), overlap(0.5, 0.5, 0.5), draw(B, T, C), soft(B, T, C)),
    "dice, void": Case(
        Dice(ignore=255), overlap(0.5, 0.5, 0.5, ignore=255), draw(B, H, W, C), VOID
    ),
    "dice, one region": Case(
        Dice(independent=True, smoothing=0.2), overlap(0.5, 0.5, 0.1, independent=True),
        draw(B, H, W, 1), RNG.integers(0, 2, (B, H, W)),
    ),
    "tversky": Case(
        Tversky(0.3, 0.7, smoothing=0.1), overlap(0.3, 0.7, 0.1), draw(B, H, W, C), PIXELS
    ),
    "tversky, void": Case(
        Tversky(1.0, 0.2, ignore=255), overlap(1.0, 0.2, 1.0, ignore=255), draw(B, H, W, C), VOID
    ),
    "tversky, regions that may share places": Case(
        Tversky(0.3, 0.7, independent=True), overlap(0.3, 0.7, 1.0, independent=True),
        draw(B, T, C), RNG.integers(0, 2, (B, T, C)),
    ),
    "ctc": Case(CTC(), ctc(), draw(B, T, C), SEQUENCES),
    "ctc, frames": Case(
        CTC(frames_first=True), lambda z, y: ctc(FRAMES)(z, y[:, 1:]), draw(B, T, C),
        np.concatenate([FRAMES[:, None], SEQUENCES], 1),
    ),
}  # fmt: skip
CASES = CLASS_CASES | BINARY_CASES | REGION_CASES


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted rows"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_loss_and_its_gradient_follow_the_equation(case: Case, weight):
    case.check(weight)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_is_the_loss_of_every_sample_without_weights(case: Case):
    case.check_each()


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted rows"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_loss_per_member_is_the_mean_of_the_members_losses(case: Case, weight):
    case.check_per_member(weight)
