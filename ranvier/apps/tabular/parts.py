"""Parts of a table as what training takes: tensors, in the memory that they have where they may."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ranvier.data.tabular import Rows, TableData
from ranvier.losses import Loss
from ranvier.train.batches import Part


def parts_of(data: TableData) -> dict[str, Rows]:
    """The parts that there are, by name."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {split: rows for split, rows in parts.items() if rows is not None}


def part_of(rows: Rows, loss: Loss | None = None) -> Part:
    """Encoded rows as tensors, which share their memory where they may.

    Numbers are standardised unless `loss` takes them in their own unit.
    """
    weights = None if rows.weights is None else _tensor(rows.weights)
    targets = rows.targets
    if loss is not None and loss.in_own_unit:
        targets = rows.truth.astype(np.float32)
    return Part(_tensor(rows.inputs), _tensor(targets), rows.truth, weights, rows.row_numbers)


def measured(rows: Rows) -> Part:
    """Encoded rows as tensors, weighed as their scores are."""
    weights = None if rows.sample_weights is None else _tensor(rows.sample_weights)
    return replace(part_of(rows), weights=weights)


def _tensor(values: np.ndarray) -> torch.Tensor:
    # A tensor has no read-only memory: what may not be written is copied.
    return torch.from_numpy(np.require(values, requirements="W"))
