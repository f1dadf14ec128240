"""Exponents of power laws that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ranvier.diagnose.probes.spectra import power_law_exponent, spectra


@pytest.mark.parametrize("alpha", [1.5, 3.0, 7.0])
def test_the_exponent_of_a_power_law_is_found(alpha):
    quantiles = (np.arange(4000) + 0.5) / 4000
    values = torch.from_numpy((1 - quantiles) ** (-1 / (alpha - 1)))
    assert power_law_exponent(values) == pytest.approx(alpha, rel=0.02)


def test_equal_values_have_no_exponent():
    assert power_law_exponent(torch.ones(100)) is None


def test_only_weights_with_enough_singular_values_are_looked_at():
    model = nn.Sequential(
        nn.Linear(60, 50), nn.Linear(50, 10), nn.Conv2d(8, 64, 3), nn.Linear(50, 50)
    )
    with torch.no_grad():
        model[3].weight.fill_(torch.nan)
    found = spectra(model)
    assert list(found) == ["0.weight", "2.weight"]
    singular = np.linalg.svd(model[0].weight.detach().double().numpy(), compute_uv=False)
    assert found["0.weight"] == pytest.approx(
        power_law_exponent(torch.from_numpy(np.sort(singular**2)))
    )
