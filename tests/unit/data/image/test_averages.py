"""Averaging keeps every pixel's share."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.data.image.averages import averaged, standardised


@pytest.mark.parametrize("shape", [(2, 12, 20, 3), (1, 7, 5, 1)])
def test_the_mean_of_a_picture_stays(shape):
    pictures = np.random.default_rng(0).random(shape, dtype=np.float32)
    small = averaged(pictures, 4)
    assert small.shape == (shape[0], 4, 4, shape[3])
    np.testing.assert_allclose(small.mean(axis=(1, 2)), pictures.mean(axis=(1, 2)), rtol=1e-5)


def test_whole_bins_are_plain_means_and_nothing_is_enlarged():
    pictures = np.arange(32, dtype=np.float32).reshape(1, 8, 4, 1)
    np.testing.assert_allclose(
        averaged(pictures, 4)[0, ..., 0], pictures.reshape(4, 2, 4).mean(axis=1)
    )
    np.testing.assert_array_equal(averaged(pictures, 8), pictures)


def test_standardised_pictures_have_mean_0_and_length_1_and_blank_ones_are_zero():
    pictures = np.random.default_rng(0).random((3, 4, 4, 1), dtype=np.float32)
    pictures[2] = 0.7
    rows, deviation = standardised(pictures)
    np.testing.assert_allclose(rows[:2].mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(deviation, pictures.std(axis=(1, 2, 3)), atol=1e-6)
