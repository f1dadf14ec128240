"""Mean and deviation of bytes, exactly, in one pass that holds few of them."""

from __future__ import annotations

import numpy as np

from ranvier.data.image.bring import Bytes

_ROWS = 256


def byte_statistics(pixels: Bytes) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, from how often each byte comes.

    Shapes: pixels: [N, H, W, C].

    >>> byte_statistics(np.array([0, 2, 0, 2], dtype=np.uint8).reshape(1, 2, 2, 1))
    ((1.0,), (1.0,))
    """
    channels = pixels.shape[-1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(pixels), _ROWS):
        block = pixels[start : start + _ROWS]
        for channel in range(channels):
            counts[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
    values = np.arange(256)
    total = np.maximum(counts.sum(axis=1), 1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return tuple(mean.tolist()), tuple(np.sqrt(variance).tolist())
