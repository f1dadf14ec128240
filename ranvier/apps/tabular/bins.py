"""Where a column's curve may bend: the edges of bins that training rows fill evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def quantile_edges(values: ArrayLike, *, bins: int = 48) -> tuple[float, ...]:
    """The edges of at most `bins` bins that hold about equally many of `values`.

    A column of no more than `bins` + 1 distinct values gets an edge at each, so that what every
    step between neighbours means can be learnt by itself. A constant column gets one bin.

    >>> quantile_edges([1.0, 2.0, 2.0, 5.0])
    (1.0, 2.0, 5.0)
    >>> quantile_edges(range(101), bins=4)
    (0.0, 25.0, 50.0, 75.0, 100.0)
    >>> quantile_edges([3.0, 3.0])
    (3.0, 6.0)

    Reference: Gorishniy, Rubachev & Babenko 2022, arXiv:2203.05556, sec. 3.2.1.
    """
    column = np.asarray(values, dtype=np.float64)
    edges = np.unique(column)
    if edges.size > bins + 1:
        edges = np.quantile(column, np.linspace(0.0, 1.0, bins + 1))
    # The network computes in float32, where edges that fall together would make a bin of width 0.
    edges = np.unique(edges.astype(np.float32))
    if edges.size == 1:
        return (float(edges[0]), float(edges[0]) + max(1.0, abs(float(edges[0]))))
    return tuple(float(edge) for edge in edges)
