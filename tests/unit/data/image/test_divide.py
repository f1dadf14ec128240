"""Parts: the source's own are respected, the rest is drawn, and what belongs together stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.core.errors import ConfigError, DataError
from ranvier.core.task import Task
from ranvier.data.image import Listing, divide_pictures
from ranvier.data.image.listing import TEST, TO_SPLIT, TRAIN, VALIDATION
from ranvier.data.split import Split
from ranvier.runs.settings import TrainSettings

TWO = Task("classification", "class", ("cat", "dog"))


def listing(count: int, *, parts: Any = None, groups: Any = None) -> Listing:
    given_parts = None if parts is None else np.array(parts)
    names = tuple(f"{number}.png" for number in range(count))
    made = Listing("pets", names, None, None, None, parts=given_parts)
    return replace(made, groups=None if groups is None else np.array(groups))


def divide(count: int, truth: Any, *, twins: Any = None, task: Task = TWO, **options: Any) -> Split:
    settings = {
        name: options.pop(name) for name in ("validation", "test", "seed") if name in options
    }
    return divide_pictures(
        listing(count, **options),
        np.array(truth),
        task,
        TrainSettings(**settings),
        twins=None if twins is None else np.array(twins),
    )


def together(split: Split) -> list[int]:
    return sorted(np.concatenate([split.train, split.validation, split.test]).tolist())


@given(
    truth=st.lists(st.integers(0, 1), min_size=30, max_size=60).filter(
        lambda classes: 10 <= sum(classes) <= len(classes) - 10
    ),
    data=st.data(),
)
def test_every_picture_is_in_one_part_and_twins_and_groups_are_not_torn(
    truth: list[int], data: st.DataObject
) -> None:
    count = len(truth)
    numbers = st.lists(st.integers(0, 25), min_size=count, max_size=count)
    twins, groups = data.draw(numbers), data.draw(st.none() | numbers)
    try:
        split = divide(count, truth, twins=twins, groups=groups)
    except DataError:
        return  # so much hangs together that no part is left for a class
    assert together(split) == list(range(count))
    part = np.empty(count, dtype=int)
    for number, rows in enumerate((split.train, split.validation, split.test)):
        part[rows] = number
    for codes in (twins, groups or range(count)):
        for code in set(codes):
            assert len({part[row] for row in range(count) if codes[row] == code}) == 1


def test_the_parts_of_the_source_stay_and_what_is_missing_is_drawn_to_train_from() -> None:
    parts = [TRAIN] * 80 + [TEST] * 20
    split = divide(100, [0, 1] * 50, parts=parts)
    assert split.test.tolist() == list(range(80, 100))
    assert len(split.validation) == 12 and split.validation.max() < 80
    assert split.sentence == (
        "68 pictures to train, 12 to validate, 20 to test: test as the source has it; validation "
        "drawn at random, class by class (seed 0)"
    )


def test_all_parts_given_are_left_as_they_are() -> None:
    parts = [TRAIN, TRAIN, VALIDATION, TEST, TO_SPLIT]
    split = divide(5, [0, 1, 0, 1, 0], parts=parts)
    assert split.train.tolist() == [0, 1, 4]
    assert split.validation.tolist() == [2] and split.test.tolist() == [3]
    assert split.sentence.endswith("validation and test as the source has them")


def test_a_part_with_a_source_of_its_own_is_not_drawn() -> None:
    split = divide(40, [0, 1] * 20, test="others")
    assert len(split.test) == 0 and len(split.validation) == 6


def test_a_part_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="--test others: pets has a test part of its own"):
        divide(4, [0, 1, 0, 1], parts=[TRAIN, TRAIN, TEST, TEST], test="others")


def test_a_split_is_a_pure_function_of_the_seed() -> None:
    first, again, other = (divide(100, [0, 1] * 50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert (first.test != other.test).any()


def test_a_class_without_pictures_to_train_on_is_named() -> None:
    with pytest.raises(DataError, match="no picture to train on is of class 'dog'; expected every"):
        divide(8, [0] * 6 + [1] * 2, parts=[TRAIN] * 6 + [TEST] * 2)
    with pytest.raises(DataError, match="no picture is in the part to train on"):
        divide(2, [0, 1], parts=[TEST, TEST])


def test_pictures_that_all_belong_together_cannot_be_split() -> None:
    with pytest.raises(DataError, match="40 pictures that belong together, .* in 2 lots; expected"):
        divide(40, [0, 1] * 20, twins=[0] * 20 + [1] * 20)


def test_too_few_pictures_are_refused_as_pictures() -> None:
    with pytest.raises(DataError, match="2 pictures with a target are too few to split"):
        divide(2, [0, 1])


def test_a_rare_class_among_several_is_trained_on_and_tested_on() -> None:
    truth = np.zeros((200, 3), dtype=bool)
    truth[:, 0] = True
    truth[:100, 1] = True
    truth[:10, 2] = True
    task = Task("multilabel", "class", ("a", "b", "c"))
    for seed in range(10):
        split = divide(200, truth, task=task, seed=seed)
        assert all(truth[part, 2].any() for part in (split.train, split.validation, split.test))


def test_numbers_are_drawn_without_regard_to_their_value() -> None:
    split = divide(100, np.arange(100.0), task=Task("regression", "age"))
    assert together(split) == list(range(100)) and "class by class" not in split.sentence
