"""Rows apart: those trained on and those held out, and targets in the form that a loss wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from benchmarks.doctor.program import Rows

HELD_OUT = 0.25
RowsOf = Callable[[int], Rows]


def divided(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Rows:
    """A quarter held out at random; floats as torch's own, whole numbers as they are looked up."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    cut = int(len(order) * (1 - HELD_OUT))
    x, y, xv, yv = (
        torch.from_numpy(part.astype(np.float32 if part.dtype.kind == "f" else np.int64))
        for part in (
            inputs[order[:cut]],
            targets[order[:cut]],
            inputs[order[cut:]],
            targets[order[cut:]],
        )
    )
    return Rows(x, y, xv, yv, yv)


def standardised(rows: Rows) -> Rows:
    """Features with mean 0 and standard deviation 1; a number to be told likewise, `[N, 1]`."""
    mean, std = rows.inputs.mean(0), rows.inputs.std(0) + 1e-8
    rows = replace(rows, inputs=(rows.inputs - mean) / std, held_out=(rows.held_out - mean) / std)
    if not rows.targets.is_floating_point():
        return rows
    center, scale = rows.targets.mean(), rows.targets.std()
    y, yv = ((part[:, None] - center) / scale for part in (rows.targets, rows.truth))
    return replace(rows, targets=y, held_out_targets=yv, truth=yv)


def as_column(rows_of: RowsOf) -> RowsOf:
    """Two classes as 0.0 and 1.0, `[N, 1]`: what a loss on one output wants."""

    def rows(seed: int) -> Rows:
        found = rows_of(seed)
        y, yv = (part.float()[:, None] for part in (found.targets, found.held_out_targets))
        return Rows(found.inputs, y, found.held_out, yv, found.truth[:, None])

    return rows


def as_one_hot(rows_of: RowsOf) -> RowsOf:
    """Classes as rows of 0.0 and one 1.0, `[N, C]`."""

    def rows(seed: int) -> Rows:
        found = rows_of(seed)
        classes = int(found.targets.max()) + 1
        y, yv = (
            torch.nn.functional.one_hot(part, classes).float()
            for part in (found.targets, found.held_out_targets)
        )
        return Rows(found.inputs, y, found.held_out, yv, found.truth)

    return rows


def itself(rows_of: RowsOf) -> RowsOf:
    """The inputs as their own targets, for an autoencoder."""

    def rows(seed: int) -> Rows:
        found = rows_of(seed)
        return Rows(found.inputs, found.inputs, found.held_out, found.held_out, found.held_out)

    return rows
