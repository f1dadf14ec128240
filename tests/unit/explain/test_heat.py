"""Heat laid over pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranvier.explain.colours import COLD, WARM, colour_table
from ranvier.explain.heat import enlarged, factor_for, grey, in_colour, overlay, scaled

# Far from numbers that a factor could turn into 0.
SIZES = st.floats(1e-6, 1e6)
HEAT = arrays(np.float64, (2, 5, 4), elements=st.just(0.0) | SIZES | SIZES.map(lambda size: -size))


@given(HEAT, st.floats(1e-3, 1e3))
def test_heat_is_scaled_picture_by_picture_and_keeps_its_sign(heat, factor):
    found = scaled(heat)
    assert np.abs(found).max() <= 1
    assert ((np.sign(found) == np.sign(heat)) | (found == 0)).all()
    alone = np.concatenate([scaled(heat[:1] * factor), scaled(heat[1:])])
    np.testing.assert_allclose(alone, found, rtol=1e-9, atol=1e-12)


def test_a_single_hot_pixel_does_not_turn_all_others_pale():
    heat = np.ones((1, 20, 20))
    heat[0, 3, 4] = 1e6
    assert scaled(heat).min() == 1
    assert scaled(heat, percentile=100.0).min() < 1e-5


def test_no_heat_stays_none_and_what_is_not_finite_is_none():
    heat = np.zeros((2, 3, 3))
    heat[1, 0] = [np.nan, np.inf, 2.0]
    assert scaled(heat).tolist()[0] == [[0.0] * 3] * 3
    assert scaled(heat)[1, 0].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_pixel_without_heat_shows_the_picture_in_grey(channels):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 6, 5, channels), dtype=np.uint8)
    shown = overlay(pictures, np.zeros((2, 6, 5)))
    assert shown.dtype == np.uint8 and shown.shape == (2, 6, 5, 3)
    expected = np.rint(grey(pictures)).astype(np.uint8)
    assert (shown == expected[..., None]).all()


def test_the_grey_beneath_keeps_the_order_of_brightness_and_stays_clear_of_black_and_white():
    steps = np.arange(256, dtype=np.uint8).reshape(1, 1, 256, 1)
    (row,) = grey(steps)[0]
    assert (np.diff(row) > 0).all()
    assert row[0] > 0 and row[-1] < 255


def test_warm_is_for_and_cold_is_against():
    heat = np.array([[[1.0, -1.0]]])
    warm, cold = overlay(np.zeros((1, 1, 2, 1), dtype=np.uint8), heat)[0, 0].astype(int)
    assert warm[0] > warm[2]  # more red than blue
    assert cold[2] > cold[0]
    for found, hues in ((warm, WARM), (cold, COLD)):
        assert np.abs(found - (0.9 * colour_table(hues)[-1].astype(float) + 0.1 * 24)).max() <= 1


def test_channels_become_colours():
    picture = np.arange(8, dtype=np.uint8).reshape(1, 1, 2, 4)
    assert in_colour(picture).tolist() == [[[[0, 1, 2], [4, 5, 6]]]]
    assert in_colour(picture[..., :2]).tolist() == [[[[0, 0, 0], [4, 4, 4]]]]


def test_small_pictures_are_enlarged_by_whole_pixels():
    assert factor_for(100, 300, smallest=160) == 2
    picture = np.array([[[1], [2]]], dtype=np.uint8)
    assert enlarged(picture, 2)[..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
