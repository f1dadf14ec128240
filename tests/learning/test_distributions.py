"""What a network says beside a point comes true on rows that it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

import ranvier as rv

FRESH = 4_000
NETWORK = {"epochs": 40, "learning_rate": 0.01, "batch_size": 64}


def network(outputs: int) -> rv.Network:
    hidden = [rv.Dense(32, activation="tanh")] * 2
    return rv.Network(*hidden, rv.Dense(outputs))


def uneven(rows: int, *, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """A number whose noise grows with a column, and that noise."""
    random = np.random.default_rng(seed)
    a, b = random.uniform(-2, 2, (2, rows))
    spread = 2 + 4 * (b + 2)
    value = 100 + 20 * np.sin(a) + spread * random.normal(size=rows)
    return pl.DataFrame({"a": a, "b": b, "y": value}), spread


def counted(rows: int, *, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Counts, and the rates that they come at."""
    random = np.random.default_rng(seed)
    a, b = random.uniform(-2, 2, (2, rows))
    rate = np.exp(1.2 * a + 0.8 * np.sin(2 * b))
    return pl.DataFrame({"a": a, "b": b, "y": random.poisson(rate)}), rate


def test_as_many_rows_lie_below_a_quantile_as_its_level_says(tmp_path: Path) -> None:
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    run = rv.train(
        network(5),
        uneven(2_000, seed=0)[0],
        loss=rv.Pinball(tuple(levels)),
        out=tmp_path / "run",
        **NETWORK,
    )
    fresh, spread = uneven(FRESH, seed=1)
    table = run.predict_table(fresh)
    for level in levels:
        below = float((fresh["y"] <= table[f"quantile_{level}"]).mean())
        assert below == pytest.approx(level, abs=0.04)
    width = (table["quantile_0.95"] - table["quantile_0.05"]).to_numpy()
    assert np.corrcoef(width, spread)[0, 1] > 0.9
    scores, trivial = run.evaluate(fresh), run.baseline["test"]
    assert scores["interval_coverage"] == pytest.approx(0.9, abs=0.04)
    assert scores["pinball"] < 0.8 * trivial["pinball"]


def test_noise_that_varies_is_told_better_by_a_normal_than_by_one_variance_for_all(
    tmp_path: Path,
) -> None:
    run = rv.train(
        network(2),
        uneven(2_000, seed=0)[0],
        loss="gaussian_likelihood",
        out=tmp_path / "run",
        **NETWORK,
    )
    fresh, spread = uneven(FRESH, seed=1)
    table = run.predict_table(fresh)
    truth, mean = fresh["y"].to_numpy(), table["prediction"].to_numpy()
    deviation = table["standard_deviation"].to_numpy()

    def surprise(of: np.ndarray | float) -> float:
        return float(-stats.norm.logpdf(truth, mean, of).mean())

    # The best that one variance can do even knows the errors that it is to tell.
    assert surprise(deviation) < surprise(float(np.std(truth - mean))) - 0.05
    assert surprise(deviation) < surprise(spread) + 0.05
    assert np.corrcoef(deviation, spread)[0, 1] > 0.9


def test_rates_of_counts_are_told_better_by_poisson_than_by_squares(tmp_path: Path) -> None:
    fresh, rate = counted(FRESH, seed=1)
    surprise = {}
    for loss in ("poisson_likelihood", "mean_squared_error"):
        run = rv.train(
            network(1),
            counted(1_500, seed=0)[0],
            loss=loss,
            task="regression",
            out=tmp_path / loss,
            **NETWORK,
        )
        # The squares' network may say less than nothing; it is given the benefit of the doubt.
        predicted = np.maximum(run.predict(fresh), 0.05)
        surprise[loss] = float(-stats.poisson.logpmf(fresh["y"].to_numpy(), predicted).mean())
        if loss == "poisson_likelihood":
            assert np.median(np.abs(predicted / rate - 1)) < 0.15
    assert surprise["poisson_likelihood"] < surprise["mean_squared_error"] - 0.02
