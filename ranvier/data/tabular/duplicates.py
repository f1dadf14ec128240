"""Rows that occur more than once: copies of one record, or coincidences of a coarse table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

_SAMPLE = 50_000
_CHANCE = 0.01


@dataclass(frozen=True)
class Copies:
    """Which rows are equal in every column (`unit` is the same for them), and whether that says
    anything: in a table of a few coarse columns, different people are equal by chance."""

    unit: NDArray[np.int64]
    num_copies: int
    by_chance: bool

    @property
    def keep_together(self) -> bool:
        return self.num_copies > 0 and not self.by_chance


def find_copies(frame: pl.DataFrame) -> Copies:
    """The groups of equal rows.

    Copies of one record belong into one part of a split: a copy in the test part has been learned
    by heart. Coincidences do not: if all equal rows of a coarse table stayed together, the test
    would hold only patterns never seen in training, and would say less than the truth. So the
    number of equal rows is held against what chance gives. Were the columns independent, two rows
    would be equal with the product of the columns' collision probabilities; columns are not, so
    half of that product's bits are believed. Iris (one true copy, 16 bits) and census codes are
    left alone by this; a table of thirty measured columns is not.
    """
    num_rows = frame.height
    hashes = row_hashes(frame)
    _, first, unit = np.unique(hashes, return_index=True, return_inverse=True)
    num_copies = num_rows - len(first)
    if num_copies == 0:
        return Copies(np.arange(num_rows), 0, False)
    # Units are numbered by where they first occur, so nothing depends on the hash itself.
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    expected = num_rows * _collision_probability(frame) ** 0.5
    return Copies(place[unit.ravel()], num_copies, expected > _CHANCE)


def row_hashes(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """One number a row, equal for equal rows; it means nothing outside this process."""
    return frame.hash_rows(seed=0).to_numpy()


def shared_rows(train: pl.DataFrame, other: pl.DataFrame) -> int:
    """How many rows of `other` occur in `train` too."""
    known = np.unique(row_hashes(train))
    return int(np.isin(row_hashes(other), known).sum())


def coincidences_expected(frame: pl.DataFrame) -> bool:
    """Whether equal rows are to be expected by chance in a table of this size and coarseness."""
    return frame.height * _collision_probability(frame) ** 0.5 > _CHANCE


def _collision_probability(frame: pl.DataFrame) -> float:
    rows = min(frame.height, _SAMPLE)
    sample = frame.gather_every(max(1, frame.height // rows)).head(rows)
    probability = 1.0
    for column in sample:
        counts = column.value_counts()[:, 1].to_numpy().astype(np.float64)
        pairs = max(float((counts * (counts - 1)).sum()), 1.0)
        probability *= pairs / max(rows * (rows - 1.0), 1.0)
    return probability
