from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ranvier.report.gather import ReportData
from ranvier.report.interval import hanley, interval, wilson


@pytest.mark.parametrize(("right", "rows"), [(0, 10), (9, 10), (45, 50), (1000, 1000)])
def test_a_share_has_wilsons_interval(right: int, rows: int) -> None:
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson(right / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_an_area_under_the_curve_spreads_over_drawn_rows_as_the_interval_says() -> None:
    generator = np.random.default_rng(0)
    areas = []
    for _ in range(400):
        positive, negative = generator.normal(1.0, 1.0, 40), generator.normal(0.0, 1.0, 120)
        areas.append(float((positive[:, None] > negative[None, :]).mean()))
    low, high = hanley(float(np.mean(areas)), positive=40, negative=120)
    assert high - low == pytest.approx(2 * 1.96 * np.std(areas), rel=0.2)


def test_a_root_mean_squared_error_lies_inside_an_interval_that_narrows_with_rows() -> None:
    errors = np.random.default_rng(0).normal(0.0, 3.0, 900)

    def of(kept: np.ndarray) -> tuple[float, float]:
        score = float(np.sqrt((kept**2).mean()))
        event = {"split": "test", "metrics": {"rmse": score},
                 "residuals": {"predicted": kept.tolist(), "truth": [0.0] * len(kept)}}  # fmt: skip
        found = interval(ReportData("run", {}, events={"evaluation": (event,)}))
        assert found is not None and found[0] < score < found[1]
        return found

    few, many = of(errors[:100]), of(errors)
    assert many[0] < 3.0 < many[1] and many[1] - many[0] < few[1] - few[0]


def test_weighted_rows_get_no_interval() -> None:
    summary = {"metrics": {"test": {"accuracy": 0.9}}, "primary_metric": "accuracy"}
    event = {"split": "test", "confusion": {"labels": ["a", "b"], "counts": [[9, 1], [1, 9]]}}
    plain = ReportData("run", {}, summary, events={"evaluation": (event,)})
    weighted = ReportData("run", {"settings": {"weight": "w"}}, summary, events=plain.events)
    assert interval(plain) is not None and interval(weighted) is None
