"""Samples: some of every class, or over the range of a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ranvier.apps.image.gallery.samples import MOST_PER_CLASS, MOST_SAMPLES, samples
from ranvier.core.task import Task
from ranvier.data.image import Pictures
from tests.unit.apps.image.gallery.conftest import bars


def test_every_class_is_shown_with_pictures_that_are_of_it(task: Task, pictures: Pictures) -> None:
    items = samples(task, pictures)["items"]
    for label in task.classes:
        mine = [item for item in items if item["label"] == label]
        assert len(mine) == MOST_PER_CLASS
        assert all(f"/{label}/" in item["name"] for item in mine)
        assert [item["number"] for item in mine] == sorted({item["number"] for item in mine})


def test_a_class_without_pictures_is_passed_over(task: Task, pictures: Pictures) -> None:
    wider = replace(task, classes=(*task.classes, "none of these"))
    assert samples(wider, pictures)["items"] == samples(task, pictures)["items"]


def test_a_thousand_classes_are_shown_by_some_of_them() -> None:
    classes = tuple(f"c{index}" for index in range(1000))
    part = bars(1000)
    part = replace(part, truth=np.arange(1000))
    items = samples(Task("classification", "class", classes), part)["items"]
    assert len(items) == MOST_SAMPLES == len({item["label"] for item in items})
    assert {items[0]["label"], items[-1]["label"]} == {"c0", "c999"}


def test_a_picture_of_two_classes_is_shown_for_both(pictures: Pictures) -> None:
    truth = np.tile([[1, 1]], (30, 1))
    items = samples(Task("multilabel", "classes", ("a", "b")), replace(pictures, truth=truth))
    assert {item["label"] for item in items["items"]} == {"a", "b"}


def test_numbers_are_shown_from_the_least_to_the_largest(pictures: Pictures) -> None:
    truth = np.linspace(5.0, -5.0, 30)
    items = samples(Task("regression", "angle"), replace(pictures, truth=truth))["items"]
    shown = [item["label"] for item in items]
    assert shown == sorted(shown) and shown[0] == -5.0 and shown[-1] == 5.0
