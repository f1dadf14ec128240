"""Pictures averaged down to few numbers, as they are compared with each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.data.image.bring import LUMA, Bytes

Floats = NDArray[np.float32]


def grey(block: Bytes) -> Floats:
    """Brightness.

    Shapes: [N, H, W, C] -> [N, H, W, 1].
    """
    numbers = block.astype(np.float32)
    if block.shape[-1] == 1:
        return numbers
    return (numbers @ np.array(LUMA, dtype=np.float32))[..., None]


def averaged(numbers: Floats, side: int) -> Floats:
    """Pictures averaged down to at most `side` in height and in width; none is enlarged.

    Shapes: [N, H, W, C] -> [N, min(H, side), min(W, side), C].
    """
    down, across = (_averaging(size, min(size, side)) for size in numbers.shape[1:3])
    path = ["einsum_path", (0, 1), (0, 1)]
    return np.einsum("hy,nyxc,wx->nhwc", down, numbers, across, optimize=path)


def _averaging(size: int, bins: int) -> Floats:
    """The matrix that averages `size` numbers into `bins` of equal width, parts counted as parts.

    >>> _averaging(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = np.linspace(0, size, bins + 1)
    low, high = np.arange(size), np.arange(1, size + 1)
    overlap = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    return (np.maximum(overlap, 0.0) * bins / size).astype(np.float32)


def standardised(numbers: Floats) -> tuple[Floats, Floats]:
    """Each picture's numbers in a row with mean 0 and length 1, and their standard deviation.

    A picture of one colour becomes zeros.

    Shapes: [N, ...] -> [N, D], [N].
    """
    flat = numbers.reshape(len(numbers), int(np.prod(numbers.shape[1:])))
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.maximum(length, 1e-6), length[:, 0] / flat.shape[1] ** 0.5
