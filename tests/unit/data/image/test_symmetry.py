"""Whether pictures may be mirrored and turned is seen from them."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.core.task import Task
from ranvier.data.image.symmetry import measure_symmetry

TWO = Task("classification", "class", ("first", "second"))
DOWN, ACROSS = np.mgrid[:24, :24]


def drawn(random, mask):
    return (mask * 180 + random.integers(0, 60, (24, 24))).astype(np.uint8)


def scattered(random, draw):
    """A shape at a place of its own in each picture."""
    top, left = random.uniform(10, 14, 2)
    return drawn(random, draw(DOWN - top, ACROSS - left))


def both(first, second, count=150):
    random = np.random.default_rng(0)
    pictures = [scattered(random, shape) for shape in (first, second) for _ in range(count)]
    return np.stack(pictures)[..., None], np.repeat([0, 1], count)


def disc(down, across):
    return np.hypot(down, across) < 6


def ring(down, across):
    return disc(down, across) & (np.hypot(down, across) > 3)


def pointing_right(down, across):
    return (np.abs(down) < (across + 6) / 2) & (across < 6)


def pointing_left(down, across):
    return pointing_right(down, -across)


def lying(down, across):
    return (np.abs(down) < 2) & (np.abs(across) < 8)


def standing(down, across):
    return lying(across, down)


def allowed(first, second):
    found = measure_symmetry(*both(first, second), TWO)
    return found.flips, found.flips_vertically, found.turns


def test_what_is_round_may_be_turned_and_mirrored_in_any_way():
    assert allowed(disc, ring) == (True, True, True)


def test_what_points_left_or_right_may_be_turned_over_but_not_mirrored():
    assert allowed(pointing_right, pointing_left) == (False, True, False)


def test_what_lies_or_stands_may_be_mirrored_but_not_turned():
    assert allowed(lying, standing) == (True, True, False)


def test_the_evidence_is_said_in_words_and_numbers():
    found = measure_symmetry(*both(pointing_right, pointing_left), TWO)
    assert found.evidence.startswith("a simple classifier keeps 0 % of what it knows where")
    assert found.scores["flips"]["retained"] < 0 < found.scores["flips_vertically"]["retained"]


@pytest.mark.parametrize("channels", [1, 3])
def test_where_nothing_shows_only_colour_is_taken_to_be_mirrored(channels):
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (200, 12, 12, channels), dtype=np.uint8)
    found = measure_symmetry(noise, random.integers(0, 2, 200), TWO)
    assert (found.flips, found.flips_vertically, found.turns) == (channels == 3, False, False)
    assert "too few, or too hard" in found.evidence


def test_few_pictures_show_nothing():
    pixels, truth = both(disc, ring, count=5)
    assert "too few" in measure_symmetry(pixels, truth, TWO).evidence


def test_numbers_to_predict_are_judged_alike():
    random = np.random.default_rng(0)
    height = random.uniform(4, 20, 300)
    pixels = np.stack([drawn(random, np.abs(DOWN - h) < 3) for h in height])[..., None]
    found = measure_symmetry(pixels, height, Task("regression", "height"))
    assert found.flips and not found.flips_vertically and not found.turns


def test_several_classes_of_one_picture_are_judged_alike():
    pixels, truth = both(pointing_right, pointing_left)
    several = np.stack([truth == 0, truth == 1], axis=1)
    found = measure_symmetry(pixels, several, Task("multilabel", "signs", ("right", "left")))
    assert not found.flips and found.flips_vertically
