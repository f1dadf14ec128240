"""The 64-bit hashes of `ranvier/core/text.py` on tensors: int64 wraps as the equations want.

L bytes of a text.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.core.text import FIRST, GOLDEN, SECOND, place_weight, signed


def _shifted(value: Tensor, bits: int) -> Tensor:
    """`value >> bits` with zeros from the left; torch's own repeats the sign."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def mix(value: Tensor) -> Tensor:
    """Every bit of each number spread over all others."""
    value = (value ^ _shifted(value, 30)) * signed(FIRST)
    value = (value ^ _shifted(value, 27)) * signed(SECOND)
    return value ^ _shifted(value, 31)


def join(hashes: Tensor, following: Tensor) -> Tensor:
    """One hash of two, in order."""
    return mix(hashes * signed(GOLDEN) + following)


def place_weights(length: int) -> Tensor:
    """What the bytes of a text are multiplied with, [L]."""
    return torch.tensor([signed(place_weight(i)) for i in range(length)], dtype=torch.int64)


def hash_texts(texts_L: Tensor, weights_L: Tensor) -> Tensor:
    """The hash of every text.

    Shapes: [..., L] -> [...].
    """
    return mix((texts_L.long() * weights_L).sum(-1))
