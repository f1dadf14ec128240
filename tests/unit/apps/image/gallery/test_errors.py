"""The worst errors: which they are, what is said of each, and the heat beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranvier.apps.image.gallery.errors import errors, worst
from ranvier.core.task import Task
from ranvier.data.image import Pictures
from tests.unit.apps.image.gallery.conftest import bars


def no_heat(pictures: NDArray[np.uint8], outputs: NDArray[np.int64]) -> None:
    return None


def sure_of(truth: NDArray[np.int64], wrong: dict[int, float]) -> NDArray[np.float64]:
    """Answers that are right but for some rows, which have so little left for their truth."""
    answer = np.full((len(truth), 3), 0.1)
    answer[np.arange(len(truth)), truth] = 0.8
    for row, left in wrong.items():
        answer[row] = (0.9 - left) / 2
        answer[row, truth[row]] = left
        answer[row, (truth[row] + 1) % 3] += 0.1
    return answer


def test_only_wrong_answers_are_shown_the_surest_first(task: Task, pictures: Pictures) -> None:
    answer = sure_of(pictures.truth, {4: 0.2, 7: 0.001, 9: 0.05})
    record = errors(task, pictures, answer, split="test", heat=no_heat)
    assert record is not None
    assert (record["wrong"], record["of"], record["part"]) == (3, 30, "test")
    assert [item["number"] for item in record["items"]] == [8, 10, 5]
    first = record["items"][0]
    assert (first["truth"], first["predicted"]) == ("stands", "blank")
    assert first["name"] == pictures.names[7] and first["heat"] is None
    assert abs(first["truth_probability"] - 0.001) < 1e-12
    assert abs(first["confidence"] - answer[7].max()) < 1e-12


def test_the_heat_is_asked_of_what_was_answered(task: Task, pictures: Pictures) -> None:
    asked: list[tuple[NDArray[np.uint8], NDArray[np.int64]]] = []

    def heat(pixels: NDArray[np.uint8], outputs: NDArray[np.int64]) -> NDArray[np.uint8]:
        asked.append((pixels, outputs))
        return np.repeat(255 - pixels, 3, axis=-1)

    answer = sure_of(pictures.truth, {4: 0.2, 7: 0.001})
    record = errors(task, pictures, answer, split="test", heat=heat)
    assert record is not None
    ((pixels, outputs),) = asked
    assert np.array_equal(pixels, pictures.pixels[[7, 4]])
    assert outputs.tolist() == answer[[7, 4]].argmax(1).tolist()
    assert all(item["heat"] and item["heat"] != item["png"] for item in record["items"])


def test_a_network_that_makes_no_error_has_no_record(task: Task, pictures: Pictures) -> None:
    answer = sure_of(pictures.truth, {})
    assert errors(task, pictures, answer, split="test", heat=no_heat) is None


def test_no_more_are_shown_than_asked_for_and_all_are_counted(task: Task) -> None:
    part = bars(90)
    answer = np.roll(sure_of(part.truth, {}), 1, axis=1)
    record = errors(task, part, answer, split="test", heat=no_heat, most=5)
    assert record is not None
    assert len(record["items"]) == 5 and record["wrong"] == 90


def test_of_several_classes_the_one_that_is_most_wrong_is_named(pictures: Pictures) -> None:
    task = Task("multilabel", "signs", ("a", "b"))
    truth = np.tile([[1, 0]], (30, 1))
    answer = np.tile([[0.9, 0.1]], (30, 1))
    answer[3] = (0.8, 0.97)
    answer[5] = (0.4, 0.2)
    part = replace(pictures, truth=truth)
    record = errors(task, part, answer, split="test", heat=no_heat)
    assert record is not None
    first, second = record["items"]
    assert first["truth"] == ["a"] and first["predicted"] == ["a", "b"]
    assert first["about"] == "b" and first["confidence"] == 0.97
    assert second["predicted"] == [] and second["about"] == "a"
    assert worst(task, truth, answer).outputs.tolist() == [1, 0]


def test_numbers_are_ranked_by_how_far_they_are_off(pictures: Pictures) -> None:
    task = Task("regression", "angle")
    truth = np.arange(30.0)
    answer = truth.copy()
    answer[[3, 8]] += (-2.0, 7.0)
    record = errors(task, replace(pictures, truth=truth), answer, split="test", heat=no_heat)
    assert record is not None
    assert [(item["truth"], item["predicted"]) for item in record["items"]] == [(8, 15), (3, 1)]
