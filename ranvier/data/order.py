"""The order in which rows are seen: a pure function, so a resumed run goes to its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.core.random import generator


def epoch_order(
    seed: int, epoch: int, num_rows: int, rank: int = 0, world: int = 1
) -> NDArray[np.int64]:
    """The rows that process `rank` of `world` visits in `epoch`, in order.

    All processes share one permutation and take every `world`-th row of it. Each gets the same
    number, ceil(num_rows / world), because a collective needs every process at every step: where
    the rows do not divide, the permutation goes on from its start.

    >>> sorted(epoch_order(0, 1, 4).tolist())
    [0, 1, 2, 3]
    >>> [len(epoch_order(0, 1, 5, rank, 2)) for rank in range(2)]
    [3, 3]
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank {rank} of world {world}: expected 0 <= rank < world")
    order = generator(seed, "order", epoch).permutation(num_rows).astype(np.int64, copy=False)
    if world == 1 or num_rows == 0:
        return order
    share = -(-num_rows // world)
    return order[(rank + world * np.arange(share)) % num_rows]
