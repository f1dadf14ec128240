"""Mean and deviation of bytes are exact."""

from __future__ import annotations

import numpy as np

from ranvier.data.image.statistics import byte_statistics


def test_they_are_those_of_all_bytes_of_a_channel():
    pixels = np.random.default_rng(0).integers(0, 256, (600, 5, 7, 3), dtype=np.uint8)
    mean, deviation = byte_statistics(pixels)
    wide = pixels.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(deviation, wide.std(axis=(0, 1, 2)), rtol=1e-12)
