from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.preprocessing import RobustScaler, StandardScaler

from ranvier.data.tabular.scaling import SCALING_METHODS, ScalingMethod, fit_scaling

VALUES = np.random.default_rng(0).lognormal(3, 1.5, 2_000)


def test_standard_is_scikit_learns() -> None:
    expected = StandardScaler().fit_transform(VALUES[:, None])[:, 0]
    np.testing.assert_allclose(fit_scaling(VALUES, "standard")(VALUES), expected, rtol=1e-12)


def test_robust_is_scikit_learns_and_then_clipped_smoothly() -> None:
    scaled = RobustScaler().fit_transform(VALUES[:, None])[:, 0]
    expected = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    np.testing.assert_allclose(fit_scaling(VALUES, "robust")(VALUES), expected, rtol=1e-12)


def test_robust_spreads_a_column_of_mostly_one_value() -> None:
    values = np.array([0.0] * 98 + [1.0] * 2)
    # Half the range is the unit: the rare 1 lies at 2, clipped to 2 / sqrt(1 + 4 / 9).
    np.testing.assert_allclose(fit_scaling(values, "robust")(values)[-1], 2 / np.sqrt(13 / 9))


def test_quantile_makes_a_bell_of_any_shape() -> None:
    scaled = fit_scaling(VALUES, "quantile")(VALUES)
    inner = np.quantile(scaled, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(inner, norm.ppf([0.05, 0.25, 0.5, 0.75, 0.95]), atol=0.02)


@pytest.mark.parametrize("method", SCALING_METHODS)
def test_scaling_keeps_order(method: ScalingMethod) -> None:
    scaled = fit_scaling(VALUES, method)(np.sort(VALUES))
    assert (np.diff(scaled) >= 0).all()


@pytest.mark.parametrize("method", ["robust", "quantile"])
def test_one_wild_value_leaves_the_others_where_they_are(method: ScalingMethod) -> None:
    plain = fit_scaling(VALUES, method)(VALUES)
    wild = fit_scaling(np.append(VALUES, 1e12), method)(np.append(VALUES, 1e12))
    np.testing.assert_allclose(wild[:-1], plain, atol=0.1)
    assert abs(wild[-1]) <= 3.2


@pytest.mark.parametrize("method", SCALING_METHODS)
@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 0.0],
        [1e-320, 0.0],
        [5.0],
        [5.0, 5.0],
        [np.nan, np.inf],
        [2.0**60, 2.0**60 + 4096],
    ],
)
def test_any_column_is_scaled_to_finite_numbers(method: ScalingMethod, values: list[float]) -> None:
    seen = np.array(values)
    scaled = fit_scaling(seen, method)(np.concatenate([seen, [1e308, -np.inf, np.nan, 0.0]]))
    assert np.isfinite(scaled.astype(np.float32)).all()


@pytest.mark.parametrize("method", SCALING_METHODS)
def test_missing_is_the_middle(method: ScalingMethod) -> None:
    assert fit_scaling(VALUES, method)(np.array([np.nan]))[0] == 0.0
