"""What makes a loss least is what it is for: a mean, a median, a quantile, a share, a parameter.

One output for many numbers is fitted by Newton-like steps to where NumPy says the minimum is.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import digamma

from ranvier.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    GammaLikelihood,
    GaussianLikelihood,
    KLDivergence,
    KLToStandardNormal,
    MeanAbsoluteError,
    MeanSquaredError,
    NegativeBinomialLikelihood,
    Pinball,
    PoissonLikelihood,
)

RNG = np.random.default_rng(9)
N = 501
AMOUNTS, COUNTS = RNG.gamma(3.0, 2.0, N), RNG.poisson(RNG.gamma(2.0, 3.0, N))
CLASSES = RNG.integers(0, 3, N)
SHARES = np.bincount(CLASSES) / N
WEIGHT = RNG.uniform(0.1, 3.0, N)


def fitted(loss, start, target, weight=None) -> np.ndarray:
    """The output that, given to every sample alike, makes the loss least."""
    output = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [output], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )  # fmt: skip
    target = torch.as_tensor(target)
    weight = None if weight is None else torch.as_tensor(weight)

    def closure():
        optimizer.zero_grad()
        value = loss(output.expand(len(target), *output.shape), target, weight)
        value.backward()
        return value

    optimizer.step(closure)
    return output.detach().numpy()


def softplus_inverse(x: float) -> float:
    return x + np.log(-np.expm1(-x))


def gamma_shape() -> float:
    """The maximum-likelihood shape: log k − ψ(k) = log(mean) − mean(log)."""
    gap = np.log(AMOUNTS.mean()) - np.log(AMOUNTS).mean()
    return brentq(lambda k: np.log(k) - digamma(k) - gap, 1e-2, 1e2, xtol=1e-13)


@pytest.mark.parametrize(
    ("loss", "start", "target", "minimum"),
    [
        (MeanSquaredError(), 0.0, AMOUNTS, AMOUNTS.mean()),
        (GaussianLikelihood(), [1.0, 1.0], AMOUNTS, [AMOUNTS.mean(), np.log(AMOUNTS.var() - 1e-6)]),
        (PoissonLikelihood(), 0.0, COUNTS, np.log(COUNTS.mean())),
        (GammaLikelihood(), [0.0, 1.0], AMOUNTS,
         [np.log(AMOUNTS.mean()), softplus_inverse(gamma_shape() - 1e-6)]),
        (CrossEntropy(), [0.0] * 3, CLASSES, np.log(SHARES) - np.log(SHARES).mean()),
        (KLDivergence(), [0.0] * 3, np.eye(3)[CLASSES], np.log(SHARES) - np.log(SHARES).mean()),
        (BinaryCrossEntropy(), 0.0, CLASSES > 0, np.log((1 - SHARES[0]) / SHARES[0])),
        (KLToStandardNormal(), [[1.0, 1.0]] * 2, AMOUNTS, [[0.0, 0.0]] * 2),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "kind") else "",
)  # fmt: skip
def test_the_minimum_is_where_statistics_say(loss, start, target, minimum):
    np.testing.assert_allclose(fitted(loss, start, target), minimum, rtol=1e-6, atol=1e-6)


def test_weights_move_the_minimum_to_the_weighted_mean():
    found = fitted(PoissonLikelihood(), 0.0, COUNTS, WEIGHT)
    np.testing.assert_allclose(found, np.log(np.average(COUNTS, weights=WEIGHT)), rtol=1e-6)


def test_a_negative_binomial_finds_the_mean_and_that_counts_vary_more_than_poisson():
    log_mean, shape = fitted(NegativeBinomialLikelihood(), [0.0, 0.0], COUNTS)
    np.testing.assert_allclose(log_mean, np.log(COUNTS.mean()), rtol=1e-6)
    # Drawn with a shape of 2; 501 counts tell it to about a tenth of it.
    assert np.logaddexp(0, shape) == pytest.approx(2.0, abs=0.6)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_no_output_beats_the_quantile(level):
    target = torch.as_tensor(AMOUNTS)
    # 501 numbers have one number at each of these levels.
    best = np.quantile(AMOUNTS, level, method="inverted_cdf")
    losses = [Pinball((level,))(torch.full_like(target, y), target) for y in np.sort(AMOUNTS)]
    assert np.sort(AMOUNTS)[int(np.argmin(losses))] == best


def test_no_output_beats_the_median():
    target = torch.as_tensor(AMOUNTS)
    losses = [MeanAbsoluteError()(torch.full_like(target, y), target) for y in np.sort(AMOUNTS)]
    assert np.sort(AMOUNTS)[int(np.argmin(losses))] == np.median(AMOUNTS)
