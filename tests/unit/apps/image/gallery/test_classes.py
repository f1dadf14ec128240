"""Scores class by class, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from ranvier.apps.image.gallery.classes import class_scores
from ranvier.core.random import generator
from ranvier.core.task import Task


def test_classes_agree_with_scikit_learn_and_say_what_they_are_taken_for(task: Task) -> None:
    draw = generator(0, "classes")
    truth, answer = draw.integers(0, 3, 200), draw.dirichlet(np.ones(3), 200)
    record = class_scores(task, truth, answer, split="test")
    assert record is not None and record["part"] == "test"
    wanted = precision_recall_fscore_support(truth, answer.argmax(1))
    for index, item in enumerate(record["items"]):
        got = [item[name] for name in ("precision", "recall", "f1", "support")]
        assert got == pytest.approx([each[index] for each in wanted])
        others = np.bincount(answer.argmax(1)[truth == index], minlength=3)
        others[index] = 0
        assert item["taken_for"] == task.classes[others.argmax()]
        assert item["taken"] == others.max()


def test_a_class_that_is_always_found_is_taken_for_none(task: Task) -> None:
    record = class_scores(task, np.array([0, 1, 2]), np.eye(3), split="test")
    assert record is not None
    assert [item["taken_for"] for item in record["items"]] == [None] * 3


def test_several_classes_have_the_areas_of_their_curves() -> None:
    draw = generator(1, "classes")
    truth, answer = draw.integers(0, 2, (150, 2)), draw.random((150, 2))
    task = Task("multilabel", "signs", ("x", "y"))
    record = class_scores(task, truth, answer, split="validation")
    assert record is not None
    for index, item in enumerate(record["items"]):
        assert item["roc_auc"] == pytest.approx(roc_auc_score(truth[:, index], answer[:, index]))
        assert item["average_precision"] == pytest.approx(
            average_precision_score(truth[:, index], answer[:, index])
        )
        assert "taken_for" not in item


def test_numbers_and_broken_answers_have_no_classes(task: Task) -> None:
    assert class_scores(Task("regression", "y"), np.zeros(3), np.zeros(3), split="test") is None
    broken = np.full((3, 3), np.nan)
    assert class_scores(task, np.array([0, 1, 2]), broken, split="test") is None
