"""Metrics against their definitions, spelt out without haste: all pairs, integrals, recursion."""

from __future__ import annotations

import functools
import math
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ranvier.metrics import (
    Forecasts,
    Gaussians,
    Quantiles,
    Regressed,
    Samples,
    Texts,
    bleu,
    crps_samples,
    levenshtein,
    longest_common_subsequence,
    score,
)

SEEDS = pytest.mark.parametrize("seed", range(5))


def value(name, rows) -> float:
    return score(rows, names=[name])[name]


@st.composite
def numbers(draw):
    """Few distinct numbers, so that many are level, and weights."""
    n = draw(st.integers(2, 15))
    columns = [draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)) for _ in range(2)]
    weights = draw(st.lists(st.floats(0.1, 10), min_size=n, max_size=n))
    columns[0][:2] = [0, 5]
    columns[1][:2] = [1, 3]
    return [np.array(column, dtype=float) for column in (*columns, weights)]


@settings(max_examples=150, deadline=None)
@given(numbers())
def test_order_is_what_all_pairs_say(columns):
    truth, predicted, weights = columns
    same, wrong, level, all_t, all_p = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(truth)):
        for j in range(i):
            pair = weights[i] * weights[j]
            by_truth, by_prediction = (
                np.sign(truth[i] - truth[j]),
                np.sign(predicted[i] - predicted[j]),
            )
            same += pair * (by_truth * by_prediction > 0)
            wrong += pair * (by_truth * by_prediction < 0)
            level += pair * (by_truth != 0) * (by_prediction == 0)
            all_t += pair * (by_truth != 0)
            all_p += pair * (by_prediction != 0)
    rows = Regressed(truth, predicted, weights)
    assert value("concordance_index", rows) == pytest.approx((same + level / 2) / all_t, abs=1e-12)
    kendall = (same - wrong) / math.sqrt(all_t * all_p)
    assert value("kendall", rows) == pytest.approx(kendall, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(numbers())
def test_lins_coefficient_is_one_less_the_share_of_the_distance_that_chance_would_leave(columns):
    truth, predicted, weights = columns
    # 1 − E[(ŷ − y)²] / E[(ŷ − y)² if they were independent], as Lin introduces it.
    pairs = np.outer(weights, weights) / weights.sum() ** 2
    by_chance = (pairs * (predicted[:, None] - truth[None]) ** 2).sum()
    expected = 1 - np.average((predicted - truth) ** 2, weights=weights) / by_chance
    ours = value("concordance", Regressed(truth, predicted, weights))
    assert ours == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["kendall", "concordance_index", "spearman"])
def test_ranking_half_a_million_rows_takes_a_moment(name):
    rng = np.random.default_rng(0)
    rows = Regressed(*rng.normal(size=(2, 500_000)), np.ones(500_000))
    start = time.process_time()
    assert abs(value(name, rows) - (0.5 if name == "concordance_index" else 0.0)) < 0.01
    assert time.process_time() - start < 10


@SEEDS
def test_the_crps_of_samples_is_the_integral_of_the_squared_distance_of_distributions(seed):
    rng = np.random.default_rng(seed)
    truth, drawn = rng.normal(size=4), rng.normal(size=(4, 7))

    def integral(y: float, x: np.ndarray) -> float:
        # The integrand is constant between the sorted points.
        points = np.sort(np.append(x, y))
        steps = [((x <= p).mean() - (y <= p)) ** 2 for p in points[:-1]]
        return float(np.diff(points) @ steps)

    expected = np.mean([integral(y, x) for y, x in zip(truth, drawn, strict=True)])
    assert crps_samples(Samples.of(truth, drawn)) == pytest.approx(expected, abs=1e-12)


@SEEDS
def test_the_crps_of_samples_is_the_expected_distance_less_half_of_that_between_samples(seed):
    rng = np.random.default_rng(seed)
    truth, drawn = rng.normal(size=6), rng.normal(size=(6, 5))
    distance = np.abs(drawn - truth[:, None]).mean(axis=1)
    between = np.abs(drawn[:, :, None] - drawn[:, None]).sum(axis=(1, 2))
    rows = Samples.of(truth, drawn)
    assert crps_samples(rows) == pytest.approx((distance - between / 50).mean(), abs=1e-12)
    fair = (distance - between / 40).mean()
    assert crps_samples(rows, is_fair=True) == pytest.approx(fair, abs=1e-12)


@SEEDS
def test_quantiles_at_the_middles_of_equal_parts_score_as_samples_do(seed):
    rng = np.random.default_rng(seed)
    truth, drawn = rng.normal(size=9), np.sort(rng.normal(size=(9, 8)), axis=1)
    rows = Quantiles.of(truth, drawn, levels=(np.arange(8) + 0.5) / 8)
    expected = crps_samples(Samples.of(truth, drawn))
    assert value("crps_quantiles", rows) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "mean", "deviation"), [(0.0, 0.0, 1.0), (3.0, -1.0, 0.5), (-2.0, 4.0, 7.0)]
)
def test_the_crps_of_a_gaussian_is_its_integral(truth, mean, deviation):
    normal = stats.norm(mean, deviation)
    below, _ = integrate.quad(lambda x: normal.cdf(x) ** 2, -np.inf, truth)
    above, _ = integrate.quad(lambda x: normal.sf(x) ** 2, truth, np.inf)
    ours = value("crps_gaussian", Gaussians.of([truth], [mean], [deviation]))
    assert ours == pytest.approx(below + above, rel=1e-7)


def test_the_crps_of_the_standard_gaussian_at_its_mean_is_known():
    ours = value("crps_gaussian", Gaussians.of([0.0], [0.0], [1.0]))
    assert ours == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), rel=1e-14)


def test_a_gaussian_without_width_scores_its_absolute_error():
    rows = Gaussians.of([1.0, 2.0, 3.0], [4.0, 2.0, 2.5], [0.0, 0.0, 0.0])
    assert value("crps_gaussian", rows) == pytest.approx((3 + 0 + 0.5) / 3)


@functools.cache
def distance(left: str, right: str) -> int:
    if not left or not right:
        return len(left) + len(right)
    return min(
        distance(left[1:], right) + 1,
        distance(left, right[1:]) + 1,
        distance(left[1:], right[1:]) + (left[0] != right[0]),
    )


@functools.cache
def in_common(left: str, right: str) -> int:
    if not left or not right:
        return 0
    if left[0] == right[0]:
        return 1 + in_common(left[1:], right[1:])
    return max(in_common(left[1:], right), in_common(left, right[1:]))


word = st.text("abc", max_size=8)


@settings(max_examples=200, deadline=None)
@given(word, word)
def test_edits_and_common_subsequences_are_their_recursions(left, right):
    assert levenshtein(left, right) == distance(left, right) == levenshtein(right, left)
    assert longest_common_subsequence(left, right) == in_common(left, right)
    # Without replacing, a deletion or insertion is due for all that is not common.
    assert levenshtein(left, right) <= len(left) + len(right) - 2 * in_common(left, right)


def grams(tokens: list[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.lists(st.sampled_from("abc"), min_size=4, max_size=9),
                                   min_size=1, max_size=3),
                          st.lists(st.sampled_from("abc"), min_size=4, max_size=9)),
                min_size=1, max_size=4))  # fmt: skip
def test_bleu_is_the_papers_formula(corpus):
    logs, r, c = 0.0, 0, 0
    for n in range(1, 5):
        matched = total = 0
        for references, candidate in corpus:
            for gram, count in grams(candidate, n).items():
                matched += min(count, max(grams(reference, n)[gram] for reference in references))
                total += count
        logs = logs + math.log(matched / total) / 4 if matched else -math.inf
    for references, candidate in corpus:
        c += len(candidate)
        r += min((len(ref) for ref in references), key=lambda m: (abs(m - len(candidate)), m))
    expected = math.exp(min(0.0, 1 - r / c) + logs)
    texts = Texts.of(
        [[" ".join(reference) for reference in references] for references, _ in corpus],
        [" ".join(candidate) for _, candidate in corpus],
    )
    assert bleu(texts) == pytest.approx(expected, rel=1e-12)


@SEEDS
def test_scaled_errors_are_the_papers_formula(seed):
    rng = np.random.default_rng(seed)
    truth, predicted, past = (
        rng.normal(size=(3, 2)),
        rng.normal(size=(3, 2)),
        rng.normal(size=(3, 8)),
    )
    past[1, :3] = np.nan
    absolute, squared = [], []
    for y, forecast, history in zip(truth, predicted, past, strict=True):
        known = history[~np.isnan(history)]
        naive = [known[t] - known[t - 2] for t in range(2, len(known))]
        absolute.append(np.mean(np.abs(y - forecast)) / np.mean(np.abs(naive)))
        squared.append(np.sqrt(np.mean((y - forecast) ** 2) / np.mean(np.square(naive))))
    rows = Forecasts.of(truth, predicted, past=past, season=2)
    assert value("mase", rows) == pytest.approx(np.mean(absolute), rel=1e-12)
    assert value("rmsse", rows) == pytest.approx(np.mean(squared), rel=1e-12)
