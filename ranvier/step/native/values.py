"""Where a number lies: blocks of memory, and tensors as views of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(eq=False)
class Buffer:
    """One block of memory of a tape.

    It is a tensor that lives outside (`tensor`), or a place that moves with every step (`stream`,
    its number), or else temporary: the plan finds room for it. A `constant` buffer holds one number
    that is known when the tape is made. What is `kept` may be read when the step is over;
    what is `is_frozen` is written once, so that its parts may be shared instead of copied.
    """

    numel: int
    dtype: torch.dtype
    tensor: Tensor | None = None
    stream: int | None = None
    constant: float | None = None
    kept: bool = False
    is_frozen: bool = False

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize

    @property
    def is_temporary(self) -> bool:
        return self.tensor is None and self.stream is None and self.constant is None


@dataclass(frozen=True)
class View:
    """A tensor: how its places lie in a buffer, strides and offset counted in elements."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def dtype(self) -> torch.dtype:
        return self.buffer.dtype

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def constant(self) -> float | None:
        return self.buffer.constant

    @property
    def is_contiguous(self) -> bool:
        return are_dense(self.shape, self.strides)

    @property
    def is_dense(self) -> bool:
        """Whether the places fill a stretch of memory without gaps, in whatever order."""
        order = memory_order(self)
        shape = [self.shape[d] for d in order]
        return are_dense(shape, [self.strides[d] for d in order])

    def stand_in(self) -> Tensor:
        """A tensor without memory that lies as this one does, to ask torch what an operation does.

        >>> buffer = Buffer(6, torch.float32)
        >>> View(buffer, (2, 3), (3, 1)).stand_in().t().stride()
        (1, 3)
        """
        size = self.offset + 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        memory = torch.empty(max(size, 0) if self.numel else 0, dtype=self.dtype, device="meta")
        return memory.as_strided(self.shape, self.strides, self.offset)

    def like(self, tensor: Tensor) -> View:
        """The same buffer seen as `tensor`, a view of `stand_in()`."""
        return View(self.buffer, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()))

    def permute(self, order: Sequence[int]) -> View:
        shape, strides = (tuple(x[d] for d in order) for x in (self.shape, self.strides))
        return replace(self, shape=shape, strides=strides)

    def expand(self, shape: tuple[int, ...]) -> View:
        """Seen in a larger shape, repeated along new axes and those of one place."""
        missing = len(shape) - len(self.shape)
        own = (1,) * missing + self.shape
        strides = (0,) * missing + self.strides
        kept = tuple(0 if n == 1 and m != 1 else s for n, m, s in zip(own, shape, strides))
        return replace(self, shape=shape, strides=kept)

    def flat(self) -> View:
        """All places of a contiguous view in a row."""
        assert self.is_contiguous
        return replace(self, shape=(self.numel,), strides=(1,))


def whole(buffer: Buffer, shape: Sequence[int], strides: Sequence[int] | None = None) -> View:
    """The buffer as a tensor of this shape; row by row where no strides are given."""
    return View(buffer, tuple(shape), tuple(strides or dense_strides(shape)))


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Of places side by side, the last axis fastest.

    >>> dense_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return tuple(strides)


def are_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether places lie side by side, the last axis fastest; an axis of one place has no say."""
    dense = dense_strides(shape)
    return all(n <= 1 or s == d for n, s, d in zip(shape, strides, dense))


def memory_order(view: View) -> list[int]:
    """The axes from the slowest to the fastest in memory, in the order they have where equal."""
    axes = range(len(view.shape))
    return sorted(axes, key=lambda d: (-view.strides[d] if view.shape[d] > 1 else 0, d))
