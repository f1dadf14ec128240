"""Random streams as pure functions of the seed and a path of keys.

A draw depends on what it is for (`generator(seed, "order", epoch)`), never on what was drawn
before it, so a resumed run goes straight to its place in every stream.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(seed: int, *keys: str | int) -> int:
    """A 63-bit seed of the stream named by `keys` under `seed`.

    >>> stream_seed(0, "order", 3) == stream_seed(0, "order", 3)
    True
    >>> stream_seed(0, "order", 3) == stream_seed(0, "order", 4)
    False
    """
    text = "/".join([str(int(seed)), *map(str, keys)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *keys: str | int) -> np.random.Generator:
    """NumPy's Philox generator at the start of the stream named by `keys`."""
    return np.random.Generator(np.random.Philox(stream_seed(seed, *keys)))
