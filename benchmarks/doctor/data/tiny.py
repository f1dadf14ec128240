"""What people begin with: gates of four rows, and curves of one variable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.doctor.data.split import divided
from benchmarks.doctor.program import Rows

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def gate(*answers: int) -> Callable[[int], Rows]:
    """The four rows of a logical gate; there are no others to hold out."""

    def rows(seed: int) -> Rows:
        x = torch.tensor(CORNERS)
        truth = torch.tensor(answers)[:, None]
        return Rows(x, truth.float(), x, truth.float(), truth)

    return rows


def curve(function: Callable[[np.ndarray], np.ndarray], *, reach: float, noise: float = 0.0):
    """200 points of a curve between −`reach` and `reach`; inputs and target `[N, 1]`."""

    def rows(seed: int) -> Rows:
        random = np.random.default_rng(5000 + seed)
        x = random.uniform(-reach, reach, size=(200, 1))
        return divided(x, function(x) + noise * random.normal(size=x.shape), seed)

    return rows
