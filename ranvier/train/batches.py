"""Rows in memory, and the order in which updates see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ranvier.data.order import epoch_order
from ranvier.step import Batch

# Rows of several batches are gathered at once and then only sliced: on a small network a gather
# per step costs as much as a layer. The bound keeps the gathered rows inside the cache.
GATHER_BATCHES = 64
GATHER_NUMBERS = 2**19


@dataclass(frozen=True)
class Part:
    """One part of the data as tensors: inputs `[N, …]`, targets `[N]`, weights `[N]` or None.

    Where any number of classes may hold, targets are `[N, C]` of 0 and 1. `truth` is the target as
    people read it: class indices, 0 and 1 `[N, C]`, or numbers in the target's own unit;
    `numbers` are those of the rows in their source, where somebody knows them.
    """

    inputs: Tensor
    targets: Tensor
    truth: np.ndarray
    weights: Tensor | None = None
    numbers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> Part:
        weights = None if self.weights is None else self.weights.to(device)
        moved = self.inputs.to(device), self.targets.to(device)
        return Part(*moved, self.truth, weights, self.numbers)

    def spaced(self, rows: int) -> Part:
        """So many of the rows, at even distances."""
        wanted = min(rows, len(self))
        places = np.arange(wanted) * len(self) // max(1, wanted)
        index = torch.from_numpy(places).to(self.inputs.device)
        weights = None if self.weights is None else self.weights[index]
        numbers = None if self.numbers is None else self.numbers[places]
        taken = self.inputs[index], self.targets[index]
        return Part(*taken, self.truth[places], weights, numbers)


@dataclass(frozen=True)
class Stretch:
    """The gathered rows of several updates: the k-th sees those from `bounds[k]` to the next."""

    rows: Batch
    bounds: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(self.bounds) - 1

    def part(self, first: int, steps: int) -> Stretch:
        """The updates from the `first` on, `steps` of them, on the same gathered rows."""
        return Stretch(self.rows, self.bounds[first : first + steps + 1])

    def batches(self) -> Iterator[Batch]:
        for first, last in pairwise(self.bounds):
            yield self.rows.part(first, last)


class Batches:
    """Mini-batches of a part: each epoch every row once, in an order of (seed, epoch) alone.

    The last batch is as short as it falls, except that a single row is joined to the batch
    before it: batch normalisation has no variance of one row.
    """

    def __init__(self, part: Part, *, batch_size: int, seed: int) -> None:
        self.part = part
        self.seed = seed
        rows = len(part)
        size = min(batch_size, rows) if batch_size > 0 else rows
        self.bounds = [*range(0, rows, size), rows]
        if len(self.bounds) > 2 and self.bounds[-1] - self.bounds[-2] == 1:
            del self.bounds[-2]
        numbers_per_batch = max(1, size * part.inputs[0].numel())
        self.gather = max(1, min(GATHER_BATCHES, GATHER_NUMBERS // numbers_per_batch))

    @property
    def steps_per_epoch(self) -> int:
        return len(self.bounds) - 1

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on."""
        for stretch in self.stretches(epoch, start=start):
            yield from stretch.batches()

    def stretches(self, epoch: int, *, start: int = 0) -> Iterator[Stretch]:
        """The same, several batches gathered at once.

        Gathers begin at the same steps whatever `start` is: matrix kernels may round differently
        on rows that lie differently in memory, and a resumed epoch must give the same bits.
        """
        part = self.part
        order = torch.from_numpy(epoch_order(self.seed, epoch, len(part)))
        for first in range(start - start % self.gather, self.steps_per_epoch, self.gather):
            last = min(first + self.gather, self.steps_per_epoch)
            begin, end = self.bounds[first], self.bounds[last]
            rows = order[begin:end].to(part.inputs.device)
            # A third of what indexing takes on wide rows.
            weights = None if part.weights is None else part.weights.index_select(0, rows)
            inputs, targets = part.inputs.index_select(0, rows), part.targets.index_select(0, rows)
            gathered = Batch(inputs, targets, weights)
            of_steps = self.bounds[max(first, start) : last + 1]
            yield Stretch(gathered, tuple(bound - begin for bound in of_steps))
