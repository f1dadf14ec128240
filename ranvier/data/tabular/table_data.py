"""A table ready for training: tensors by part, the encoder that made them, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.finding import Finding
from ranvier.core.task import Task
from ranvier.data.tabular.encode import Inputs, TableEncoder
from ranvier.data.tabular.schema import TableSchema


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one part.

    `truth` is the class index, or the number in the target's own unit. `weights` say what a row
    counts in the loss, `sample_weights` what it counts in a score: the same without the balancing
    of classes, so that scores of all parts compare. `row_numbers` count the rows of `frame`, the
    source as it was read, from 1, as messages do.

    Shapes:
        inputs: [N, F]; targets, truth, weights, sample_weights, row_numbers: [N]
    """

    inputs: Inputs
    targets: NDArray[np.int64] | NDArray[np.float32]
    truth: NDArray[np.int64] | NDArray[np.float64]
    weights: NDArray[np.float32] | None
    sample_weights: NDArray[np.float32] | None
    row_numbers: NDArray[np.int64]
    frame: pl.DataFrame

    def __len__(self) -> int:
        return len(self.inputs)

    def values(self, index: int) -> dict[str, Any]:
        """The source's own cells of the row at `index` of this part."""
        return self.frame.row(int(self.row_numbers[index]) - 1, named=True)


@dataclass(frozen=True, eq=False)
class TableData:
    """What `prepare` makes of a source. A part that nobody asked for is None.

    `profile` holds facts for the report, `split` how the parts were chosen in one sentence, `why`
    the reason for the task.
    """

    task: Task
    why: str
    schema: TableSchema
    encoder: TableEncoder
    train: Rows
    validation: Rows | None
    test: Rows | None
    findings: tuple[Finding, ...]
    profile: dict[str, Any]
    split: str
    fingerprint: str
    source: str
