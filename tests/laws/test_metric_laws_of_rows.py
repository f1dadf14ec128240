"""One table of the kinds of rows drives the laws of the metrics that take them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.core.task import Task
from ranvier.metrics import (
    METRICS,
    Episodes,
    Forecasts,
    Gaussians,
    Labels,
    Likelihoods,
    Masks,
    Quantiles,
    Rows,
    Samples,
    Texts,
    rows_of,
    score,
)

RNG = np.random.default_rng(7)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _every_test_draws_from_the_start() -> None:
    RNG.bit_generator.state = START


LEVELS = [0.1, 0.5, 0.9]
VOCABULARY = np.array("a cat sat on the mat and saw one other dog there".split())


@dataclass(frozen=True)
class Kind:
    """How rows of a kind are drawn, made, and made perfect. Columns are indexed by row."""

    draw: Callable[[int], tuple[Any, ...]]
    make: Callable[..., Rows]
    perfect: Callable[..., tuple[Any, ...]]


def texts(num_rows: int) -> tuple[Any, ...]:
    references = [RNG.choice(VOCABULARY, RNG.integers(6, 15)) for _ in range(num_rows)]
    spoilt = [np.where(RNG.random(len(r)) < 0.25, "blur", r)[1:] for r in references]
    either = [[" ".join(r), " ".join(r[::-1])] for r in references]
    return either, [" ".join(words) for words in spoilt]


def values(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = RNG.normal(2, 1, num_rows)
    return truth, truth + RNG.normal(0, 0.5, num_rows)


def probabilities(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(num_rows) % 4
    return truth, 0.85 * RNG.dirichlet(np.ones(4), num_rows) + 0.15 * np.eye(4)[truth]


def quantiles(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.normal(0, 1, num_rows), np.sort(RNG.normal(0, 1, (num_rows, 3)), axis=1)


def labels(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = RNG.integers(0, 2, (num_rows, 4))
    truth[0], truth[1] = 0, 1
    return truth, np.clip(0.3 * truth + 0.7 * RNG.random((num_rows, 4)), 0, 1)


def masks(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = RNG.integers(0, 2, (num_rows, 5, 4))
    return truth, np.where(RNG.random(truth.shape) < 0.3, 1 - truth, truth)


def forecasts(num_rows: int) -> tuple[np.ndarray, ...]:
    truth = RNG.normal(0, 1, (num_rows, 3))
    return truth, truth + RNG.normal(0, 1, truth.shape), RNG.normal(0, 1, (num_rows, 9))


def task_rows(kind: str, *classes: str) -> Callable[..., Rows]:
    task = Task("classification" if classes else "regression", kind, classes)

    def make(truth: Any, predicted: Any, *, weights: Any = None) -> Rows:
        rows = rows_of(task, truth, predicted, weights)
        assert rows is not None
        return rows

    return make


KINDS = {
    "probabilities": Kind(probabilities, task_rows("p", *"abcd"), lambda y, p: (y, np.eye(4)[y])),
    "values": Kind(values, task_rows("v"), lambda y, p: (y, y)),
    "labels": Kind(labels, Labels.of, lambda y, p: (y, y.astype(float))),
    "masks": Kind(
        masks, lambda *columns, **kw: Masks.of(*columns, num_classes=2, **kw), lambda y, p: (y, y)
    ),
    "quantiles": Kind(
        quantiles,
        lambda *columns, **kw: Quantiles.of(*columns, levels=LEVELS, **kw),
        lambda y, q: (y, np.repeat(y[:, None], 3, axis=1)),
    ),
    "samples": Kind(
        lambda n: (RNG.normal(0, 1, n), RNG.normal(0, 1, (n, 6))),
        Samples.of,
        lambda y, x: (y, np.repeat(y[:, None], 6, axis=1)),
    ),
    "gaussians": Kind(
        lambda n: (RNG.normal(0, 1, n), RNG.normal(0, 1, n), RNG.uniform(0.5, 2, n)),
        Gaussians.of,
        lambda y, mean, deviation: (y, y, np.zeros_like(y)),
    ),
    "forecasts": Kind(
        forecasts,
        lambda y, p, past, **kw: Forecasts.of(y, p, past=past, season=2, **kw),
        lambda y, p, past: (y, y, past),
    ),
    "token log-likelihoods": Kind(
        lambda n: (np.log(RNG.uniform(0.1, 1, n)), RNG.integers(1, 6, n)),
        lambda logs, lengths, **kw: Likelihoods.of(logs, num_characters=lengths, **kw),
        lambda logs, lengths: (np.zeros_like(logs), lengths),
    ),
    "texts": Kind(texts, Texts.of, lambda references, predicted: (references, [r[1] for r in references])),
    "episodes": Kind(
        lambda n: ([RNG.normal(0, 1, RNG.integers(1, 9)) for _ in range(n)],),
        Episodes.of,
        lambda rewards: ([np.append(np.maximum(episode, 0), 1.0) for episode in rewards],),
    ),
}  # fmt: skip
# What a perfect prediction scores. A metric in an open unit has its best at 0, or none.
NO_BEST = ("episode_return", "discounted_return", "episode_length")
BEST = {name: 1.0 if metric.higher_is_better else 0.0 for name, metric in METRICS.items()} | {
    "perplexity": 1.0,
    # What is always right is inside the interval more often than the interval promised.
    "coverage_error": 0.2,
}
LEAST = dict.fromkeys(("pearson", "spearman", "kendall", "concordance", "matthews", "cohen_kappa",
                       "linear_kappa", "quadratic_kappa"), -1.0)  # fmt: skip
UNBOUNDED_BELOW = ("r2", "explained_variance", *NO_BEST)


def members(kinds: list[str]) -> list[Any]:
    return [
        pytest.param(name, kind, id=f"{name} of {kind}")
        for kind in kinds
        for name, metric in METRICS.items()
        if kind in metric.takes and metric.says_of(kind, rows_of_kind(kind).num_classes)
    ]


def rows_of_kind(kind: str, num_rows: int = 12) -> Rows:
    return KINDS[kind].make(*KINDS[kind].draw(num_rows))


MEMBERS = members(list(KINDS))
NEW = members([kind for kind in KINDS if kind not in ("probabilities", "values")])


def chosen(columns: tuple[Any, ...], rows: np.ndarray) -> tuple[Any, ...]:
    return tuple(
        column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
        for column in columns
    )


def value(name: str, rows: Rows) -> float:
    return score(rows, names=[name])[name]


def test_every_metric_is_under_these_laws():
    covered = {param.values[0] for param in MEMBERS}
    only_with_two_or_many_classes = {
        name for name, metric in METRICS.items() if metric.classes is not None
    }
    assert set(METRICS) - covered <= only_with_two_or_many_classes
    assert {kind for metric in METRICS.values() for kind in metric.takes} == set(KINDS)


@pytest.mark.parametrize(("name", "kind"), NEW)
def test_a_weight_counts_rows(name, kind):
    columns = KINDS[kind].draw(30)
    weights = RNG.integers(0, 4, 30)
    repeated = KINDS[kind].make(*chosen(columns, np.repeat(np.arange(30), weights)))
    by_weight = value(name, KINDS[kind].make(*columns, weights=weights))
    assert by_weight == pytest.approx(value(name, repeated), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("name", "kind"), NEW)
def test_only_the_proportions_of_weights_count(name, kind):
    columns, weights = KINDS[kind].draw(30), RNG.uniform(0.1, 3, 30)
    expected = value(name, KINDS[kind].make(*columns, weights=weights))
    scaled = value(name, KINDS[kind].make(*columns, weights=8 * weights))
    assert scaled == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "kind"), NEW)
def test_the_order_of_rows_does_not_count(name, kind):
    columns = KINDS[kind].draw(30)
    expected = value(name, KINDS[kind].make(*columns))
    shuffled = KINDS[kind].make(*chosen(columns, RNG.permutation(30)))
    assert value(name, shuffled) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_a_perfect_prediction_scores_best_and_better_than_a_spoilt_one(name, kind):
    columns = KINDS[kind].draw(40)
    best = value(name, KINDS[kind].make(*KINDS[kind].perfect(*columns)))
    spoilt = value(name, KINDS[kind].make(*columns))
    assert name in NO_BEST or best == pytest.approx(BEST[name], abs=1e-12)
    if name == "coverage_error":
        return  # perfection is not what it asks for
    assert (best > spoilt) if METRICS[name].higher_is_better else (best < spoilt)


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_a_score_stays_within_its_bounds(name, kind):
    for _ in range(20):
        found = value(name, rows_of_kind(kind, 6))
        if math.isnan(found):
            continue
        assert name in UNBOUNDED_BELOW or found >= LEAST.get(name, 0.0)
        assert not METRICS[name].higher_is_better or name in NO_BEST or found <= 1 + 1e-12


@pytest.mark.parametrize(("name", "kind"), NEW)
def test_no_row_or_no_weight_gives_no_number(name, kind):
    columns = KINDS[kind].draw(9)
    assert math.isnan(value(name, KINDS[kind].make(*columns, weights=np.zeros(9))))
    assert math.isnan(value(name, KINDS[kind].make(*chosen(columns, np.arange(0)))))


@pytest.mark.parametrize("kind", ["labels", "quantiles", "samples", "gaussians", "forecasts",
                                  "token log-likelihoods", "episodes"])  # fmt: skip
def test_a_number_that_is_none_gives_no_score_unless_it_weighs_nothing(kind):
    columns = KINDS[kind].draw(8)
    spoilt = [np.array(c, copy=True) if isinstance(c, np.ndarray) else list(c) for c in columns]
    place = {"episodes": 0, "token log-likelihoods": 0}.get(kind, 1)
    spoilt[place][7] = np.full_like(spoilt[place][7], np.nan)
    assert all(math.isnan(found) for found in score(KINDS[kind].make(*spoilt)).values())
    weights = np.append(np.ones(7), 0)
    without = score(KINDS[kind].make(*chosen(columns, np.arange(7))))
    assert score(KINDS[kind].make(*spoilt, weights=weights)) == pytest.approx(without, nan_ok=True)


hostile = st.sampled_from([0.0, 1.0, -1.0, 1e-320, 1e-200, 1e200, -1e308, 1.7e308, 0.1])


def floats(*shape: int) -> st.SearchStrategy[np.ndarray]:
    size = math.prod(shape)
    return st.lists(hostile, min_size=size, max_size=size).map(lambda v: np.reshape(v, shape))


@st.composite
def hostile_rows(draw: st.DrawFn) -> Rows:
    n = draw(st.integers(1, 4))
    weights = draw(
        st.none() | st.lists(st.sampled_from([0.0, 1.0, 1e-300, 1e15]), min_size=n, max_size=n)
    )
    kind = draw(st.sampled_from(["labels", "quantiles", "samples", "gaussians", "forecasts",
                                 "texts", "masks"]))  # fmt: skip
    if kind == "texts":
        text = st.text(st.sampled_from("ab \n\ud800é"), max_size=6)
        row = st.lists(text, min_size=1, max_size=2)
        references = draw(st.lists(row, min_size=n, max_size=n))
        return Texts.of(references, draw(st.lists(text, min_size=n, max_size=n)), weights=weights)
    if kind == "masks":
        index = st.lists(
            st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=n, max_size=n
        )
        return Masks.of(draw(index), draw(index), num_classes=2, weights=weights)
    if kind == "labels":
        truth = draw(floats(n, 3)) > 0
        return Labels.of(truth, draw(floats(n, 3)), weights=weights)
    if kind == "forecasts":
        past = np.column_stack([np.arange(n), draw(floats(n, 3))])
        return Forecasts.of(draw(floats(n, 2)), draw(floats(n, 2)), past=past, weights=weights)
    if kind == "gaussians":
        deviation = np.abs(draw(floats(n)))
        return Gaussians.of(draw(floats(n)), draw(floats(n)), deviation, weights=weights)
    if kind == "samples":
        return Samples.of(draw(floats(n)), draw(floats(n, 3)), weights=weights)
    return Quantiles.of(draw(floats(n)), draw(floats(n, 3)), levels=LEVELS, weights=weights)


@pytest.mark.filterwarnings("error")
@settings(max_examples=300, deadline=None)
@given(hostile_rows())
def test_hostile_rows_raise_nothing_and_warn_of_nothing(rows):
    scores = score(rows)
    assert scores
    assert all(type(found) is float for found in scores.values())
