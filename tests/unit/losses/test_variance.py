"""The variance of a likelihood's distribution, against SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import softplus

from ranvier.losses import (
    GammaLikelihood,
    GaussianLikelihood,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    StudentLikelihood,
)

FIRST, SECOND, THIRD = 1.3, 0.7, 0.4
OUTPUTS = torch.tensor([[FIRST, SECOND, THIRD]], dtype=torch.float64)
MEAN = math.exp(FIRST)
SOFT = float(softplus(torch.tensor(SECOND, dtype=torch.float64)))
SHAPE = SOFT + 1e-6
DEGREES = 2 + float(softplus(torch.tensor(THIRD, dtype=torch.float64)))

CASES = {
    "gaussian": (GaussianLikelihood(), stats.norm(FIRST, math.sqrt(math.exp(SECOND) + 1e-6))),
    "gaussian by scale": (
        GaussianLikelihood(spread="softplus_scale"),
        stats.norm(FIRST, SOFT + 1e-3),
    ),
    "student": (StudentLikelihood(), stats.t(DEGREES, FIRST, SOFT + 1e-3)),
    "student of 5": (StudentLikelihood(5.0), stats.t(5.0, FIRST, SOFT + 1e-3)),
    "poisson": (PoissonLikelihood(), stats.poisson(MEAN)),
    "negative binomial": (
        NegativeBinomialLikelihood(),
        stats.nbinom(SHAPE, SHAPE / (SHAPE + MEAN)),
    ),
    "gamma": (GammaLikelihood(), stats.gamma(SHAPE, scale=MEAN / SHAPE)),
}


@pytest.mark.parametrize("case", CASES)
def test_mean_and_variance_are_those_of_the_distribution(case: str) -> None:
    likelihood, distribution = CASES[case]
    count = len(likelihood.outputs)
    prediction = OUTPUTS[:, 0] if count == 1 else OUTPUTS[:, :count]
    np.testing.assert_allclose(likelihood.expectation(prediction), distribution.mean(), rtol=1e-12)
    np.testing.assert_allclose(likelihood.variance(prediction), distribution.var(), rtol=1e-12)


def test_tails_too_heavy_for_a_variance_have_an_endless_one() -> None:
    assert StudentLikelihood(2.0).variance(OUTPUTS).item() == math.inf


@pytest.mark.parametrize("case", CASES)
def test_the_variance_is_a_number_of_at_least_0_for_outputs_of_any_size(case: str) -> None:
    likelihood, _ = CASES[case]
    count = len(likelihood.outputs)
    for size in (-1e4, 1e4):
        outputs = torch.full((1, count), size, dtype=torch.float64)
        prediction = outputs[:, 0] if count == 1 else outputs
        assert likelihood.variance(prediction).item() >= 0
