from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.core.errors import DataError
from ranvier.data.split import Fractions, Split, split_at_random, split_by_group
from ranvier.data.split import split_by_time as by_time

USUAL = Fractions(0.15, 0.15)


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def assert_partition(split: Split, num_rows: int) -> None:
    assert sorted(np.concatenate(parts(split)).tolist()) == list(range(num_rows))


@given(
    classes=st.lists(st.integers(0, 4), min_size=12, max_size=200),
    seed=st.integers(0, 5),
    fractions=st.sampled_from([USUAL, Fractions(0, 0.3), Fractions(0.2, 0), Fractions(0, 0)]),
)
def test_a_split_is_a_partition_that_trains_on_every_class(
    classes: list[int], seed: int, fractions: Fractions
) -> None:
    labels = np.array(classes)
    split = split_at_random(len(labels), fractions, seed=seed, classes=labels)
    assert_partition(split, len(labels))
    assert set(labels[split.train]) == set(classes)
    validation, test = fractions.sizes(len(labels))
    assert (len(split.validation), len(split.test)) == (validation, test)


def test_classes_keep_their_shares() -> None:
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    split = split_at_random(1_000, Fractions(0.1, 0.2), seed=0, classes=labels)
    for part, size in zip(parts(split), (700, 100, 200), strict=True):
        shares = np.bincount(labels[part]) / size
        np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.01)


def test_a_split_is_a_pure_function_of_the_seed() -> None:
    first, again, other = (split_at_random(100, USUAL, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert (first.test != other.test).any()


def test_a_class_of_one_row_is_trained_on() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2])
    for seed in range(20):
        assert 20 in split_at_random(21, USUAL, seed=seed, classes=labels).train


@pytest.mark.parametrize("num_rows", [3, 4, 5, 7])
def test_tiny_tables_fill_every_part(num_rows: int) -> None:
    split = split_at_random(num_rows, USUAL, seed=0)
    assert all(len(part) for part in parts(split))
    assert_partition(split, num_rows)


def test_copies_stay_together() -> None:
    unit = np.repeat(np.arange(50), 4)
    split = split_at_random(200, USUAL, seed=0, unit=unit)
    assert_partition(split, 200)
    owners = [set(unit[part]) for part in parts(split)]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    assert all(owners)
    assert "equal rows kept together" in split.sentence


def test_one_huge_group_of_copies_still_leaves_no_part_empty() -> None:
    unit = np.concatenate([np.zeros(95), np.arange(1, 6)]).astype(np.int64)
    for seed in range(20):
        split = split_at_random(100, USUAL, seed=seed, unit=unit)
        assert all(len(part) for part in parts(split))
        assert_partition(split, 100)


@given(
    groups=st.lists(st.integers(0, 30), min_size=20, max_size=200).filter(
        lambda values: len(set(values)) >= 3
    ),
    seed=st.integers(0, 5),
)
def test_no_group_is_torn_apart(groups: list[int], seed: int) -> None:
    codes = np.array(groups)
    split = split_by_group(codes, USUAL, seed=seed, column="g")
    assert_partition(split, len(codes))
    members = [set(codes[part]) for part in parts(split)]
    assert all(members)
    assert sum(len(one) for one in members) == len(set(groups))


def test_groups_come_near_the_shares_asked_for() -> None:
    codes = np.repeat(np.arange(200), 5)
    split = split_by_group(codes, Fractions(0.2, 0.2), seed=0, column="g")
    assert [len(part) for part in parts(split)] == [600, 200, 200]


@given(
    times=st.lists(st.integers(0, 60), min_size=10, max_size=200).filter(
        lambda values: len(set(values)) >= 3
    )
)
def test_time_never_runs_backwards_over_a_split(times: list[int]) -> None:
    moments = np.array(times, dtype=np.float64)
    split = by_time(moments, USUAL, column="t")
    assert_partition(split, len(moments))
    assert all(len(part) for part in parts(split))
    assert moments[split.train].max() < moments[split.validation].min()
    assert moments[split.validation].max() < moments[split.test].min()


def test_one_moment_cannot_be_split_by_time() -> None:
    with pytest.raises(DataError, match="1 different moments; expected at least 3"):
        by_time(np.zeros(10), USUAL, column="t")
