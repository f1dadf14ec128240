"""Shapes without the batch axis; the feature axis is always last."""

from __future__ import annotations

import math

Shape = tuple[int, ...]


def shape_of(value: int | tuple[int, ...] | list[int]) -> Shape:
    """A shape from what people write: 16, (16,), [28, 28, 1].

    >>> shape_of(16)
    (16,)
    """
    dimensions = (value,) if isinstance(value, int) else tuple(value)
    if not all(isinstance(size, int) and size > 0 for size in dimensions):
        raise ValueError(f"a shape is made of positive whole numbers, not {value!r}")
    return dimensions


def size(shape: Shape) -> int:
    """How many numbers a tensor of this shape holds.

    >>> size((28, 28, 1))
    784
    """
    return math.prod(shape)
