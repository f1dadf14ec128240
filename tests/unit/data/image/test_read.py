"""Pictures are read in the form that a trained network wants."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ranvier.core.errors import DataError
from ranvier.core.task import Task
from ranvier.data.image import labelled_pictures, read_pictures
from ranvier.data.image import read as module
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.data.image.truth import known_truth, targets_of

TASK = Task("classification", "class", ("lying", "standing"))
ENCODER = PictureEncoder(TASK, PictureForm(8, 8, 3), (0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize("most", [1 << 29, 100])
def test_all_pictures_of_a_folder_come_in_form_and_in_order(classes, monkeypatch, cache, most):
    monkeypatch.setattr(module, "MOST_IN_MEMORY", most)
    found = read_pictures(ENCODER, classes)
    assert found.pixels.shape == (60, 8, 8, 3) and len(found.names) == 60
    first = Image.open(classes / found.names[0]).resize((8, 8), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found.pixels[0, ..., 0], np.asarray(first))
    assert (cache / "pictures").exists() == (most == 100)
    found.require_all()


def test_a_picture_that_cannot_be_read_keeps_its_place(classes):
    (classes / "lying" / "1.png").write_bytes(b"")
    found = read_pictures(ENCODER, classes)
    place = found.names.index("lying/1.png")
    assert place not in found.places and len(found.pixels) == 59 == len(found.places)
    assert found.problem_of_each[place] == "empty: it holds no bytes"
    assert sum(each is None for each in found.problem_of_each) == 59
    with pytest.raises(DataError, match="1 of 60 pictures cannot be read; expected an answer"):
        found.require_all()


def test_one_file_is_a_source_to_predict(classes):
    found = read_pictures(ENCODER, str(classes / "lying" / "1.png"))
    assert found.pixels.shape == (1, 8, 8, 3)


def test_labelled_pictures_leave_out_the_unfit_and_number_from_1(classes):
    (classes / "lying" / "0.png").write_bytes(b"")
    found = labelled_pictures(ENCODER, classes)
    assert len(found) == 59 and found.truth.tolist() == [0] * 29 + [1] * 30
    assert 1 not in found.numbers and found.numbers[0] == 2


def test_without_labels_nothing_can_be_measured(classes):
    with pytest.raises(DataError, match="the pictures have no labels; expected a class for each"):
        labelled_pictures(ENCODER, str(classes / "lying" / "1.png"))


def test_labels_are_read_as_training_spelled_them():
    digits = Task("classification", "digit", (0, 1, 7))
    assert known_truth(digits, ["7", "0"], "x").tolist() == [2, 0]
    several = Task("multilabel", "tags", ("a", "b"))
    truth = known_truth(several, [("b",), (), ("b", "a")], "x")
    assert truth.tolist() == [[False, True], [False, False], [True, True]]
    encoder = PictureEncoder(several, ENCODER.form, (0.0,), (1.0,))
    assert targets_of(encoder, truth).dtype == np.float32


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (TASK, ["lying", "leaning"], "class 'leaning' was not trained on"),
        (TASK, [("lying", "standing")], "expected one each, as in training"),
        (Task("regression", "age"), [3.0, "old"], "picture 2: 'old'; expected a number"),
        (Task("regression", "age"), [float("nan")], "expected a number"),
    ],
)
def test_labels_that_do_not_fit_are_refused(task, labels, said):
    with pytest.raises(DataError, match=said):
        known_truth(task, labels, "pictures")
