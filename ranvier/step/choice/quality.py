"""Whether a variant trains as well: its loss beside that of the program as it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean, stdev

import torch

from ranvier.step.choice.choice import Candidate
from ranvier.step.choice.measure import use_threads_of
from ranvier.step.choice.scratch import Rows, Scratch, endless
from ranvier.step.objective import Batch

UPDATES = 32
ORDERS = 3
WINDOW = 4

Curve = list[float]


def is_as_good(curve: Sequence[float], references: Sequence[Sequence[float]]) -> bool:
    """Whether the losses of a variant stay within what another order of the rows would change.

    All start from one state. `references` are the losses of the program as it is written, each
    with an order of rows and random draws of its own; `curve` are the variant's with the order and
    the draws of the first of them. The second half of the updates is cut into windows w of four,
    and c(w), r_i(w) are the means of the losses in it. With RMS over the windows, the variant is as
    good if every loss is finite and

        RMS_w(c(w) − r_1(w)) ≤ RMS_w(s(w)),   s(w) = standard deviation of the r_i(w)

    The rows being the same, what is left of c − r_1 comes from the variant alone. Where no order
    makes a difference, none is allowed.

    >>> is_as_good([2.0] * 4 + [1.05] * 4, [[2.0] * 4 + [v] * 4 for v in (1.0, 1.1, 0.9)])
    True
    >>> is_as_good([2.0] * 4 + [1.11] * 4, [[2.0] * 4 + [v] * 4 for v in (1.0, 1.1, 0.9)])
    False
    """
    curves = [_windows(curve), *map(_windows, references)]
    if not all(math.isfinite(value) for each in [curve, *references] for value in each):
        return False
    own, first = curves[0], curves[1]
    off = fmean((a - b) ** 2 for a, b in zip(own, first, strict=True))
    spread = fmean(stdev(values) ** 2 for values in zip(*curves[1:], strict=True))
    return off <= spread


def _windows(losses: Sequence[float]) -> list[float]:
    late = losses[len(losses) // 2 :]
    return [fmean(late[start : start + WINDOW]) for start in range(0, len(late), WINDOW)]


@dataclass
class Quality:
    """Judges variants on a scratch; the curves they are held against are made once.

    `reference` is the candidate that keeps bits and runs fastest.
    """

    scratch: Scratch
    rows: Rows
    learning_rates: Sequence[float]
    reference: Candidate
    _references: list[Curve] = field(default_factory=list)

    def accepts(self, candidate: Candidate) -> bool:
        """Whether `is_as_good` says so of the candidate."""
        if not self._references:
            self._references += [self._curve(self.reference, order) for order in range(ORDERS)]
        return is_as_good(self._curve(candidate, 0), self._references)

    def _curve(self, candidate: Candidate, order: int) -> Curve:
        """The losses of the first updates with this order and its draws."""
        self.scratch.restore()
        use_threads_of(candidate)
        torch.manual_seed(order)
        executor = self.scratch.executor(candidate)
        batches: list[Batch] = list(islice(endless(self.rows, order), len(self.learning_rates)))
        losses = [
            executor.run(batch, rate).loss
            for batch, rate in zip(batches, self.learning_rates, strict=True)
        ]
        return [float(loss) for loss in losses]
