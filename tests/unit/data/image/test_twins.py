"""Copies among pictures are found, and pictures that are merely alike are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from ranvier.core.task import Task
from ranvier.data.image.findings import twin_findings
from ranvier.data.image.listing import TEST, TRAIN
from ranvier.data.image.twins import find_twins


def photograph(number, size=240):
    """Smooth patches of many sizes, as photographs have."""
    random = np.random.default_rng(number)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 255, (side, side, 3), dtype=np.uint8)).resize(
                (size, size), Image.Resampling.BICUBIC
            )
        )
        / weight
        for weight, side in ((1, 3), (2, 7), (4, 20))
    ]
    whole = sum(layers)
    return Image.fromarray((whole * 255 / whole.max()).astype(np.uint8))


def stored_again(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return Image.open(file)


def in_form(pictures):
    return np.stack([np.asarray(picture.resize((48, 48))) for picture in pictures])


@pytest.fixture(scope="module")
def different():
    return [photograph(number) for number in range(40)]


@pytest.mark.parametrize(
    "change",
    [
        stored_again,
        lambda picture: picture.resize((60, 60)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    ],
    ids=["stored again", "smaller", "darker"],
)
def test_a_photograph_stored_again_is_a_near_copy(different, change):
    pixels = in_form([*different, change(different[7])])
    found = find_twins([pixels])
    assert found.pairs.tolist() == [[7, 40]] and not found.is_exact[0]
    assert found.group[40] == found.group[7] == 7


def test_equal_bytes_are_an_exact_copy_over_arrays_too(different):
    pixels = in_form(different)
    found = find_twins([pixels, pixels[:0], pixels[3:5]])
    assert found.pairs.tolist() == [[3, 40], [4, 41]] and found.is_exact.all()


def test_different_photographs_are_no_copies(different):
    found = find_twins([in_form(different)])
    assert len(found) == 0 and found.group.tolist() == [*range(40)]


def test_the_same_shape_in_another_colour_is_no_copy():
    shape = (np.asarray(photograph(1)).mean(axis=2) > 120)[..., None]
    red, blue = (
        Image.fromarray((shape * np.array(colour)).astype(np.uint8))
        for colour in ((220, 40, 40), (40, 40, 220))
    )
    assert len(find_twins([in_form([red, blue])])) == 0


def test_blank_pictures_are_copies_only_byte_for_byte():
    random = np.random.default_rng(0)
    pixels = 100 + random.integers(0, 2, (10, 8, 8, 1)).astype(np.uint8)
    pixels[9] = pixels[0]
    assert find_twins([pixels]).pairs.tolist() == [[0, 9]]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_pictures_are_no_trouble(count):
    pixels = np.random.default_rng(0).integers(0, 255, (count, 8, 8, 1), dtype=np.uint8)
    assert find_twins([pixels]).group.tolist() == [*range(count)]


def test_a_film_is_not_one_group_that_no_split_could_keep_together():
    first = np.asarray(photograph(0).resize((48, 48))).astype(float)
    last = np.asarray(photograph(1).resize((48, 48))).astype(float)
    frames = [first + (last - first) * step / 300 for step in range(300)]
    found = find_twins([np.stack(frames).astype(np.uint8)])
    assert len(found) > 200 and np.bincount(found.group).max() == 1


TASK = Task("classification", "class", ("cat", "dog"))


def test_copies_on_both_sides_and_copies_that_contradict_are_said(different):
    pixels = in_form([*different, different[7], different[8]])
    part = np.array([TRAIN] * 40 + [TEST] * 2)
    truth = np.zeros(42, dtype=np.int64)
    truth[41] = 1
    names = [f"{number}.png" for number in range(42)]
    leak, contradiction, copies = twin_findings(
        find_twins([pixels]), part, truth, names, TASK, "pictures"
    )
    assert leak.symptom == "2 of 2 test pictures are copies of training pictures"
    assert (leak.number, leak.severity, leak.where) == (34, "warning", "40.png, 41.png")
    assert contradiction.symptom == "1 pair of copies has different labels"
    assert contradiction.where == "8.png and 41.png" and contradiction.category == "labels"
    assert copies.symptom == "2 of 42 pictures are copies of others, 2 of them byte for byte"


def test_few_copies_among_many_are_information_only(different):
    pixels = in_form([*different, different[7]])
    part = np.full(200, TEST)
    part[:1] = TRAIN
    blocks = [pixels[7:8], np.concatenate([pixels[:7], pixels[8:]])]
    noise = np.random.default_rng(0).integers(0, 255, (159, 48, 48, 3), dtype=np.uint8)
    names = [str(number) for number in range(200)]
    found = twin_findings(
        find_twins([*blocks, noise]), part, np.zeros(200, dtype=int), names, TASK, "pictures"
    )
    assert [finding.severity for finding in found] == ["information", "information"]
    assert found[0].symptom == "1 of 199 test pictures are copies of training pictures"


def test_numbers_that_differ_between_copies_are_no_contradiction(different):
    pixels = in_form([different[0], different[0]])
    task = Task("regression", "age")
    found = twin_findings(
        find_twins([pixels]), np.zeros(2), np.array([1.0, 2.0]), ["a", "b"], task, "pictures"
    )
    assert [finding.category for finding in found] == ["data"]


def test_pictures_in_no_part_are_not_spoken_of(different):
    pixels = in_form([different[0], different[0]])
    part = np.array([TRAIN, -1])
    twins = find_twins([pixels])
    assert twin_findings(twins, part, np.zeros(2, dtype=int), ["a", "b"], TASK, "pictures") == ()
