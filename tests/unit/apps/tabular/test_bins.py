"""Edges of bins: what quantiles give, and the columns that have none to give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranvier.apps.tabular.bins import quantile_edges
from ranvier.spec import PiecewiseEmbedding


def test_bins_hold_equally_many_values():
    values = np.random.default_rng(0).gamma(1.0, size=4_800)
    edges = quantile_edges(values, bins=48)
    counts, _ = np.histogram(values.astype(np.float32), edges)
    assert len(edges) == 49
    assert counts.min() >= 98 and counts.max() <= 102


def test_a_column_of_few_values_has_an_edge_at_each():
    assert quantile_edges([2, 7, 2, 5, 5], bins=48) == (2.0, 5.0, 7.0)


def test_values_that_float32_cannot_tell_apart_share_an_edge():
    assert quantile_edges([1.0, 1.0 + 1e-12, 2.0]) == (1.0, 2.0)


def test_a_heap_of_equal_values_gets_one_edge():
    values = [0.0] * 900 + list(range(1, 101))
    assert quantile_edges(values, bins=10)[:1] == (0.0,)
    assert len(quantile_edges(values, bins=10)) < 5


@pytest.mark.parametrize("value", [0.0, -3.0, 1e30])
def test_a_constant_column_has_one_bin_that_begins_at_it(value):
    low, high = quantile_edges([value] * 5)
    assert low == np.float32(value) and np.float32(high) > np.float32(low)


@given(
    arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)),
    st.integers(1, 20),
)
def test_edges_always_make_an_embedding(values, bins):
    edges = quantile_edges(values, bins=bins)
    assert len(edges) <= bins + 1
    assert PiecewiseEmbedding(edges=(edges,), units=2).output_shape(1) == (2,)
