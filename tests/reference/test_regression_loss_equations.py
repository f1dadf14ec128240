"""Losses of predicted numbers against their equations in NumPy float64, derivatives by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma, gammaln

from ranvier.losses import (
    CosineDistance,
    GammaLikelihood,
    GaussianLikelihood,
    Huber,
    KLToStandardNormal,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    NegativeBinomialLikelihood,
    Pinball,
    PoissonLikelihood,
    StudentLikelihood,
)
from tests.reference.loss_oracle import Case, sigmoid, softplus

B, D, T = 7, 4, 3
RNG = np.random.default_rng(6)
WEIGHT = RNG.uniform(0.1, 3.0, B)
LEAST_SHAPE = 1e-6


def squared(z, y):
    return (z - y) ** 2, 2 * (z - y), np.ones_like(y)


def absolute(z, y):
    return np.abs(z - y), np.sign(z - y), np.ones_like(y)


def huber(delta):
    def oracle(z, y):
        r = z - y
        near = np.abs(r) <= delta
        each = np.where(near, r**2 / 2, delta * (np.abs(r) - delta / 2))
        return each, np.where(near, r, delta * np.sign(r)), np.ones_like(y)

    return oracle


def log_cosh(z, y):
    return np.log(np.cosh(z - y)), np.tanh(z - y), np.ones_like(y)


def percentage(least):
    def oracle(z, y):
        size = np.maximum(np.abs(y), least)
        return 100 * np.abs(z - y) / size, 100 * np.sign(z - y) / size, np.ones_like(y)

    return oracle


def squared_logarithmic(z, y):
    ahead = np.log1p(np.maximum(z, 0)) - np.log1p(np.maximum(y, 0))
    slope = np.where(z > 0, 2 * ahead / (1 + np.maximum(z, 0)), 0)
    return ahead**2, slope, np.ones_like(y)


def pinball(*levels):
    def oracle(z, y):
        single = len(levels) == 1
        outputs = z[..., None] if single else z
        each, slope = np.zeros_like(y), np.zeros_like(outputs)
        for q, level in enumerate(levels):
            below = outputs[..., q] < y
            each += np.where(below, level, level - 1) * (y - outputs[..., q]) / len(levels)
            slope[..., q] = np.where(below, -level, 1 - level) / len(levels)
        return each, slope[..., 0] if single else slope, np.ones_like(y)

    return oracle


def cosine(z, y):
    z_size, y_size = np.linalg.norm(z, axis=-1), np.linalg.norm(y, axis=-1)
    cos = (z * y).sum(-1) / (z_size * y_size)
    unit_z, unit_y = z / z_size[..., None], y / y_size[..., None]
    slope = (cos[..., None] * unit_z - unit_y) / z_size[..., None]
    return 1 - cos, slope, np.ones_like(cos)


def gaussian(variance_and_slope):
    def oracle(z, y):
        mean, s = z[..., 0], z[..., 1]
        v, v_by_s = variance_and_slope(s)
        r = y - mean
        each = 0.5 * np.log(2 * np.pi * v) + r**2 / (2 * v)
        by_s = 0.5 * (1 / v - r**2 / v**2) * v_by_s
        return each, np.stack([-r / v, by_s], -1), np.ones_like(y)

    return oracle


def log_variance(s, floor=1e-3):
    return np.exp(s) + floor**2, np.exp(s)


def softplus_scale(s, floor=0.1):
    scale = softplus(s) + floor
    return scale**2, 2 * scale * sigmoid(s)


def student(degrees=None):
    def oracle(z, y):
        scale = softplus(z[..., 1]) + 1e-3
        nu = 2 + softplus(z[..., 2]) if degrees is None else np.full_like(y, degrees)
        u = (y - z[..., 0]) / scale
        tail = np.log1p(u**2 / nu)
        each = np.log(scale) + 0.5 * np.log(np.pi * nu) + 0.5 * (nu + 1) * tail
        each += gammaln(nu / 2) - gammaln((nu + 1) / 2)
        by_mean = -(nu + 1) * u / (scale * (nu + u**2))
        by_scale = (1 - (nu + 1) * u**2 / (nu + u**2)) / scale
        by_nu = 1 / nu - digamma((nu + 1) / 2) + digamma(nu / 2) + tail
        by_nu = 0.5 * (by_nu - (nu + 1) * u**2 / (nu * (nu + u**2)))
        slopes = [by_mean, by_scale * sigmoid(z[..., 1])]
        if degrees is None:
            slopes.append(by_nu * sigmoid(z[..., 2]))
        return each, np.stack(slopes, -1), np.ones_like(y)

    return oracle


def poisson(eta, y):
    return np.exp(eta) - y * eta + gammaln(y + 1), np.exp(eta) - y, np.ones(y.shape)


def negative_binomial(z, y):
    eta, k = z[..., 0], softplus(z[..., 1]) + LEAST_SHAPE
    mu = np.exp(eta)
    each = k * np.log1p(mu / k) + y * np.log1p(k / mu)
    each += gammaln(k) + gammaln(y + 1) - gammaln(y + k)
    by_k = np.log1p(mu / k) + (y - mu) / (k + mu) - digamma(y + k) + digamma(k)
    by_eta = k * (mu - y) / (k + mu)
    return each, np.stack([by_eta, by_k * sigmoid(z[..., 1])], -1), np.ones(y.shape)


def gamma(z, y):
    eta, k = z[..., 0], softplus(z[..., 1]) + LEAST_SHAPE
    u = y / np.exp(eta)
    each = k * (u - np.log(u) - 1) + np.log(y) + gammaln(k) - k * np.log(k) + k
    by_k = u - np.log(u) - 1 + digamma(k) - np.log(k)
    return each, np.stack([k * (1 - u), by_k * sigmoid(z[..., 1])], -1), np.ones_like(y)


def standard_normal(z, y):
    mean, s = z[..., 0], z[..., 1]
    each = 0.5 * (np.exp(s) + mean**2 - 1 - s).sum(-1)
    return each, np.stack([mean, 0.5 * (np.exp(s) - 1)], -1), np.ones(len(z))


def draw(*shape):
    return RNG.normal(0, 2, shape)


def counts(*shape):
    return RNG.poisson(4, shape)


VALUES, TRUTH = draw(B), draw(B)
VECTORS, TRUE_VECTORS = draw(B, D), draw(B, D)
CASES = {
    "squared": Case(MeanSquaredError(), squared, VALUES, TRUTH),
    "absolute": Case(MeanAbsoluteError(), absolute, VALUES, TRUTH),
    "huber": Case(Huber(), huber(1.0), VALUES, TRUTH),
    "huber, narrow": Case(Huber(0.3), huber(0.3), VALUES, TRUTH),
    "squared, vectors": Case(MeanSquaredError(), squared, VECTORS, TRUE_VECTORS),
    "squared, pictures": Case(MeanSquaredError(), squared, draw(B, 2, 3, 1), draw(B, 2, 3, 1)),
    "absolute, vectors": Case(MeanAbsoluteError(), absolute, VECTORS, TRUE_VECTORS),
    "huber, vectors": Case(Huber(0.7), huber(0.7), VECTORS, TRUE_VECTORS),
    "log-cosh": Case(LogCosh(), log_cosh, VALUES, TRUTH),
    "log-cosh, vectors": Case(LogCosh(), log_cosh, VECTORS, TRUE_VECTORS),
    "percentage": Case(MeanAbsolutePercentageError(), percentage(1e-7), VALUES, TRUTH),
    "percentage, bounded": Case(
        MeanAbsolutePercentageError(1.5), percentage(1.5), VECTORS, TRUE_VECTORS
    ),
    "squared logarithmic": Case(
        MeanSquaredLogarithmicError(), squared_logarithmic, np.abs(VALUES), np.abs(TRUTH)
    ),
    "squared logarithmic, below 0": Case(
        MeanSquaredLogarithmicError(), squared_logarithmic, VECTORS, TRUE_VECTORS
    ),
    "pinball": Case(Pinball(), pinball(0.1, 0.5, 0.9), draw(B, 3), TRUTH),
    "pinball, one level": Case(Pinball((0.3,)), pinball(0.3), VALUES, TRUTH),
    "pinball, vectors": Case(Pinball((0.2, 0.7)), pinball(0.2, 0.7), draw(B, D, 2), TRUE_VECTORS),
    "cosine": Case(CosineDistance(), cosine, VECTORS, TRUE_VECTORS),
    "cosine, sequences": Case(CosineDistance(), cosine, draw(B, T, D), draw(B, T, D)),
    "gaussian": Case(GaussianLikelihood(), gaussian(log_variance), draw(B, 2), TRUTH),
    "gaussian, narrow": Case(
        GaussianLikelihood(), gaussian(log_variance), draw(B, 2) * [1, 0] - [0, 20], TRUTH
    ),
    "gaussian, scale": Case(
        GaussianLikelihood(spread="softplus_scale", least_scale=0.1),
        gaussian(softplus_scale),
        draw(B, D, 2),
        TRUE_VECTORS,
    ),
    "gaussian, wide": Case(
        GaussianLikelihood(spread="softplus_scale", least_scale=0.1),
        gaussian(softplus_scale),
        draw(B, 2) + [0, 25],
        TRUTH,
    ),
    "student": Case(StudentLikelihood(), student(), draw(B, 3), TRUTH),
    "student, many degrees": Case(StudentLikelihood(), student(), draw(B, 3) + [0, 0, 60], TRUTH),
    "student, four degrees": Case(
        StudentLikelihood(4.0), student(4.0), draw(B, D, 2), TRUE_VECTORS
    ),
    "poisson": Case(PoissonLikelihood(), poisson, VALUES, counts(B)),
    "poisson, vectors": Case(PoissonLikelihood(), poisson, VECTORS, counts(B, D)),
    "negative binomial": Case(
        NegativeBinomialLikelihood(), negative_binomial, draw(B, 2), counts(B)
    ),
    "negative binomial, nearly poisson": Case(
        NegativeBinomialLikelihood(), negative_binomial, draw(B, 2) + [0, 50], counts(B)
    ),
    "negative binomial, vectors": Case(
        NegativeBinomialLikelihood(), negative_binomial, draw(B, D, 2), counts(B, D)
    ),
    "gamma": Case(GammaLikelihood(), gamma, draw(B, 2), np.abs(TRUTH) + 0.1),
    "gamma, narrow": Case(
        GammaLikelihood(), gamma, draw(B, 2) / 4 + [0, 30], np.abs(TRUTH) + 0.1
    ),
    "standard normal": Case(KLToStandardNormal(), standard_normal, draw(B, D, 2), TRUTH),
}  # fmt: skip


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
