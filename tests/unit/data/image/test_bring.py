"""Arrays of any numbers and pictures of any size become bytes of the form."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ranvier.core.errors import DataError
from ranvier.data.image.bring import (
    bring_array,
    check_array,
    natural_levels,
    resized,
    with_levels,
)
from ranvier.data.image.encode import PictureForm


def test_bytes_in_form_are_not_copied():
    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    found = bring_array(pixels, PictureForm(4, 5, 1))
    assert found.shape == (2, 4, 5, 1) and np.shares_memory(found, pixels)


@pytest.mark.parametrize(
    ("numbers", "levels"),
    [
        (np.array([0.0, 0.3, 1.0]), (0.0, 1.0)),
        (np.array([-1.0, 0.3, 1.0]), (-1.0, 1.0)),
        (np.array([0.0, 7.0, 254.0]), (0.0, 255.0)),
        (np.array([0.0, 7.0, 16.0]), (0.0, 16.0)),
        (np.array([5, 900, 4095], dtype=np.uint16), (5.0, 4095.0)),
        (np.array([True, False]), (0.0, 1.0)),
        (np.array([0, 255], dtype=np.uint8), (0.0, 255.0)),
    ],
)
def test_black_and_white_are_what_the_numbers_suggest(numbers, levels):
    assert natural_levels(numbers) == levels


def test_floats_from_0_to_1_become_all_bytes():
    pixels = np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 16, 16)
    form = with_levels(PictureForm(16, 16, 1), pixels)
    np.testing.assert_array_equal(bring_array(pixels, form).ravel(), np.arange(256))


def test_bytes_stay_bytes_whatever_levels_other_numbers_have():
    pixels = np.full((1, 8, 8, 1), 200, dtype=np.uint8)
    form = PictureForm(8, 8, 3, levels=(0.0, 1.0))
    assert (bring_array(pixels, form) == 200).all()


def test_colour_becomes_brightness_and_brightness_three_equal_channels():
    colour = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    colour[..., 1] = 100
    assert (bring_array(colour, PictureForm(2, 2, 1)) == 59).all()
    grey = np.full((1, 2, 2), 7, dtype=np.uint8)
    assert (bring_array(grey, PictureForm(2, 2, 3)) == 7).all()


def test_alpha_of_an_array_is_laid_on_white():
    pixels = np.zeros((1, 2, 2, 4), dtype=np.uint8)
    pixels[..., 3] = 51  # a fifth of it covers
    assert (bring_array(pixels, PictureForm(2, 2, 3)) == 204).all()


def test_a_smaller_picture_is_averaged_not_sampled():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    found = bring_array(checks[None].astype(np.uint8), PictureForm(8, 8, 1))
    assert np.abs(found.astype(int) - 127).max() <= 2


def wide():
    """A black picture twice as wide as high, with a white middle third of its width."""
    picture = np.zeros((30, 60), dtype=np.uint8)
    picture[:, 20:40] = 255
    return Image.fromarray(picture)


def shares(aspect):
    found = np.asarray(resized(wide(), PictureForm(30, 30, 1, aspect)))
    return (found > 127).mean(axis=0), found


def test_stretching_keeps_all_of_a_picture():
    columns, _ = shares("stretch")
    assert abs(columns.mean() - 1 / 3) < 0.05


def test_cropping_keeps_the_middle_at_its_own_proportions():
    columns, _ = shares("crop")
    assert abs(columns.mean() - 2 / 3) < 0.05


def test_padding_keeps_all_at_its_proportions_and_fills_with_the_mean():
    _, found = shares("pad")
    assert np.abs(found[0].astype(int) - 85).max() <= 1
    middle = found[15]
    assert abs((middle > 127).mean() - 1 / 3) < 0.05


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 5, 7), (2, 0, 5), (2, 5, 5, 3, 1)])
def test_what_holds_no_pictures_is_refused(shape):
    with pytest.raises(DataError, match=r"expected \[N, height, width\]"):
        check_array(np.zeros(shape, dtype=np.uint8), "an array")


def test_words_are_no_pictures():
    with pytest.raises(DataError, match="expected whole or real numbers"):
        check_array(np.full((2, 3, 3), "a"), "an array")
