"""Labels in doubt: wrong ones are found, right ones left alone, however sure a network says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ranvier.apps.image.gallery.sharpness import best_exponent, sharpened
from ranvier.apps.image.gallery.suspects import MOST_SHOWN, doubted, suspects
from ranvier.core.random import generator
from ranvier.core.task import Task
from tests.unit.apps.image.gallery.conftest import bars

CLASSES = ("a", "b", "c", "d", "e")
TASK = Task("classification", "class", CLASSES)
Answers = NDArray[np.float64]


def knowing(count: int, *, seed: int = 0, sureness: float = 3.0) -> tuple[Answers, NDArray]:
    """Probabilities that mean what they say, and labels drawn from them."""
    draw = generator(seed, "knowing")
    logits = sureness * draw.normal(size=(count, 5))
    logits[np.arange(count), draw.integers(0, 5, count)] += 7.0
    answer = np.exp(logits - logits.max(1, keepdims=True))
    answer /= answer.sum(1, keepdims=True)
    labels = (answer.cumsum(1) < draw.random((count, 1))).sum(1).clip(0, 4)
    return answer, labels


def mislabelled(labels: NDArray, share: float) -> tuple[NDArray, set[int]]:
    """Labels of which some are another class than they were, and the rows of those."""
    draw = generator(7, "mislabelled")
    rows = draw.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + draw.integers(1, 5, len(rows))) % 5
    return wrong, set(rows.tolist())


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0], ids=["modest", "honest", "boastful"])
def test_most_wrong_labels_are_found_and_few_right_ones_doubted(sharpness: float) -> None:
    answer, labels = knowing(4000)
    given, wrong = mislabelled(labels, 0.04)
    said = answer**sharpness / (answer**sharpness).sum(1, keepdims=True)
    found = doubted(TASK, {"test": given}, {"test": said})
    assert found is not None
    rows = {one.row for one in found}
    assert len(rows & wrong) / len(rows) > 0.7
    assert len(rows & wrong) / len(wrong) > 0.5


def test_the_strongest_doubts_come_first() -> None:
    answer, labels = knowing(4000)
    given, wrong = mislabelled(labels, 0.04)
    found = doubted(TASK, {"test": given}, {"test": answer})
    assert found is not None
    assert sum(one.row in wrong for one in found[:40]) >= 36
    assert [one.surprise for one in found] == sorted(one.surprise for one in found)


def test_what_is_suggested_is_the_label_as_it_was() -> None:
    answer, labels = knowing(4000)
    given, wrong = mislabelled(labels, 0.04)
    found = doubted(TASK, {"test": given}, {"test": answer}) or []
    right = [one for one in found if one.row in wrong]
    restored = [one.suggested == CLASSES[labels[one.row]] for one in right]
    assert np.mean(restored) > 0.9
    assert all(one.given == CLASSES[given[one.row]] for one in found)


def test_honest_labels_of_a_network_that_only_confuses_classes_are_left_alone() -> None:
    answer, labels = knowing(4000, sureness=1.5)
    found = doubted(TASK, {"test": labels}, {"test": answer})
    assert found is not None
    assert len(found) < 0.003 * len(labels)


def test_a_network_that_knows_nothing_doubts_nothing() -> None:
    _, labels = knowing(500)
    assert doubted(TASK, {"test": labels}, {"test": np.full((500, 5), 0.2)}) is None


def test_without_held_out_pictures_nothing_is_said() -> None:
    answer, labels = knowing(500)
    assert doubted(TASK, {"train": labels}, {"train": answer}) is None


def test_training_labels_are_judged_by_what_held_out_ones_show() -> None:
    answer, labels = knowing(6000)
    given, wrong = mislabelled(labels, 0.04)
    truth = {"train": given[:4000], "test": given[4000:]}
    found = doubted(TASK, truth, {"train": answer[:4000], "test": answer[4000:]})
    rows = {one.row for one in found or () if one.split == "train"}
    assert len(rows & wrong) / len(rows) > 0.7


def test_of_several_classes_each_is_doubted_by_itself() -> None:
    draw = generator(3, "several")
    truth = draw.integers(0, 2, (2000, 2))
    answer = np.clip(
        np.where(truth > 0, 0.97, 0.03) + draw.normal(0, 0.01, truth.shape), 0.001, 0.999
    )
    flipped = draw.choice(2000, 30, replace=False)
    truth[flipped, 1] = 1 - truth[flipped, 1]
    answer[flipped, 1] = np.clip(answer[flipped, 1], 0.001, 0.999)
    found = doubted(Task("multilabel", "signs", ("x", "y")), {"test": truth}, {"test": answer})
    assert {one.row for one in found or ()} == set(flipped.tolist())
    assert {one.about for one in found or ()} == {"y"}
    assert all(one.given is not one.suggested for one in found or ())


def test_the_record_names_and_counts_by_part() -> None:
    answer, labels = knowing(900)
    given, _ = mislabelled(labels, 0.06)
    part = replace(bars(900, folder="test"), truth=given)
    record = suspects(TASK, {"test": part}, {"test": answer})
    assert record is not None
    assert record["looked_at"] == {"test": 900}
    assert record["found"]["test"] == len(record["items"]) > MOST_SHOWN
    assert [bool(item["png"]) for item in record["items"][:MOST_SHOWN]] == [True] * MOST_SHOWN
    assert not any(item["png"] for item in record["items"][MOST_SHOWN:])
    first = record["items"][0]
    assert first["name"] == part.names[first["number"] - 1] and first["part"] == "test"
    assert first["given"] == CLASSES[given[first["number"] - 1]] != first["suggested"]


def test_an_answer_that_is_not_finite_is_not_looked_at() -> None:
    answer, labels = knowing(300)
    answer[5] = np.nan
    part = replace(bars(300), truth=labels)
    assert suspects(TASK, {"test": part}, {"test": answer}) is None


@pytest.mark.parametrize("true", [0.5, 2.0])
def test_the_exponent_is_found_in_spite_of_wrong_labels(true: float) -> None:
    answer, labels = knowing(4000)
    given, _ = mislabelled(labels, 0.05)
    said = sharpened(torch.tensor(answer), 1 / true)
    assert abs(np.log(best_exponent(said, torch.tensor(given)) / true)) < np.log(1.25)
