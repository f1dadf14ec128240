"""The task that labels ask for, and what each picture counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier.core.errors import ConfigError, DataError
from ranvier.core.task import Task
from ranvier.data.image import Listing, picture_target, target_weights
from ranvier.data.tabular.target import Target
from ranvier.runs.settings import TrainSettings


def listing(labels: Any, *, kind: str = "folder") -> Listing:
    labels = tuple(labels)
    names = tuple(f"{number}.png" for number in range(len(labels)))
    return Listing("pets", names, None, None, labels, facts={"kind": kind})


def target(labels: Any, **settings: Any) -> Target:
    return picture_target(listing(labels), TrainSettings(**settings))


def test_words_are_classes_in_the_order_people_would_sort_them_in() -> None:
    found = target(["class 10", "class 9", "class 9", "class 10", "class 1"])
    assert found.task == Task("classification", "class", ("class 1", "class 9", "class 10"))
    assert found.truth.tolist() == [2, 1, 1, 2, 0]
    assert found.why == "3 different words"


def test_names_that_are_numbers_are_sorted_by_their_value() -> None:
    found = target(["10", "9", "-1", "0.5", "9"])
    assert found.task.classes == ("-1", "0.5", "9", "10")
    assert found.truth.tolist() == [3, 2, 0, 1, 2]


def test_the_truth_always_points_at_the_label() -> None:
    labels = np.random.default_rng(0).choice([f"n{number}" for number in range(30)], 300).tolist()
    found = target(labels)
    assert [found.task.classes[place] for place in found.truth] == labels


def test_few_whole_numbers_are_classes_and_many_numbers_are_a_quantity() -> None:
    digits = target([0, 1, 2] * 10)
    assert digits.task.classes == (0, 1, 2) and digits.why == "3 different whole numbers"
    ages = target([0.5, 1.25, 7.0, 60.5])
    assert ages.task.kind == "regression" and ages.truth.tolist() == [0.5, 1.25, 7.0, 60.5]


def test_the_task_can_be_insisted_on() -> None:
    assert target([0, 1, 2] * 10, task="regression").task.kind == "regression"
    assert target(["1", "2.5", "7"], task="regression").truth.tolist() == [1.0, 2.5, 7.0]
    assert target([1.5, 2.5] * 9, task="classification").task.classes == (1.5, 2.5)
    several = target(["cat", "dog"], task="multilabel")
    assert several.task.kind == "multilabel" and several.why.endswith("as asked")
    with pytest.raises(DataError, match="a word; expected numbers for a regression"):
        target(["cat", "dog"], task="regression")


def test_several_classes_a_picture_are_multilabel() -> None:
    found = target([("dog", "cat"), (), ("cat",)])
    assert found.task == Task("multilabel", "class", ("cat", "dog"))
    assert found.truth.dtype == np.bool_
    assert found.truth.tolist() == [[True, True], [False, False], [True, False]]
    assert found.why == "2 classes, 1.0 a picture: several may hold of one picture"
    with pytest.raises(DataError, match="several classes may hold of a picture; expected one"):
        target([("dog", "cat"), ("cat",)], task="classification")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat"] * 3, "all 3 pictures are of one class, 'cat'; expected at least two. Add a fol"),
        ([1, 1], "all 2 pictures are of one class, 1;"),
        ([(), ()], "no class holds of any; expected classes that hold of some"),
        ([("a",), ("a",)], "'a' holds of every picture; expected"),
        ([1.5, float("nan")], "row 2 is NaN; expected finite numbers"),
        ([], "pictures without labels; expected a label for each"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_refused(labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        target(labels)


def test_pictures_without_labels_are_refused() -> None:
    with pytest.raises(DataError, match="pictures without labels"):
        picture_target(Listing("pets", ("1.png",), None, None, None), TrainSettings())


def test_uneven_classes_are_a_finding() -> None:
    (finding,) = target(["cat"] * 200 + ["dog"] * 5).findings
    assert finding.number == 33 and "'cat' has 200" in finding.symptom


def test_balanced_classes_count_alike() -> None:
    found = target(["cat"] * 30 + ["dog"] * 10)
    balanced = TrainSettings(class_weight="balanced")
    weights = target_weights(found.truth, None, found.task, balanced)
    assert weights is not None
    np.testing.assert_allclose(np.bincount(found.truth, weights=weights), [20, 20], rtol=1e-6)
    own = np.arange(40.0)
    kept = target_weights(found.truth, own, found.task, TrainSettings())
    np.testing.assert_array_equal(kept, own)
    assert target_weights(found.truth, None, found.task, TrainSettings()) is None


def test_several_classes_a_picture_cannot_be_balanced() -> None:
    found = target([("dog", "cat"), ("cat",)])
    with pytest.raises(ConfigError, match="class_weight=balanced: pictures of several classes"):
        target_weights(found.truth, None, found.task, TrainSettings(class_weight="balanced"))
