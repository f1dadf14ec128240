"""One layer with an input for it: what the laws are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.spec import Layer

ROWS = 6

Rows = Callable[[tuple[int, ...]], Tensor]


def numbers(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(1))


def codes(shape: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 3, (ROWS, *shape), generator=torch.Generator().manual_seed(1)).float()


def mask(shape: tuple[int, ...]) -> Tensor:
    """The first places of each row are real, as many as row number + 1, at least one."""
    lengths = torch.arange(ROWS).remainder(shape[0]) + 1
    return (torch.arange(shape[0]) < lengths.unsqueeze(1)).float()


@dataclass(frozen=True)
class Example:
    """A layer, the shape of its input, and rows for it.

    A layer with several inputs has a tuple of shapes, and of `rows` where they are not all numbers.
    `is_smooth` says that its gradient is that of finite differences: rounding, for one, is not.
    `whole` are the positions of inputs that every piece of a stream needs whole, as a memory is.
    """

    layer: Layer
    shape: tuple[int, ...] | tuple[tuple[int, ...], ...]
    rows: Rows | tuple[Rows, ...] = numbers
    is_smooth: bool = True
    whole: tuple[int, ...] = ()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        several = self.shape and isinstance(self.shape[0], tuple)
        return self.shape if several else (self.shape,)

    @property
    def kinds_of_rows(self) -> tuple[Rows, ...]:
        return self.rows if isinstance(self.rows, tuple) else (self.rows,) * len(self.shapes)

    def inputs(self) -> tuple[Tensor, ...]:
        pairs = zip(self.kinds_of_rows, self.shapes, strict=True)
        return tuple(rows(shape) for rows, shape in pairs)

    def __str__(self) -> str:
        return f"{self.layer.kind}-" + "-".join("x".join(map(str, s)) for s in self.shapes)
