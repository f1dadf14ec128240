"""How much a row of each class counts, so that rare classes are not drowned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.task import Task


def class_balanced(
    truth: NDArray[Any], weights: NDArray[np.float32] | None, task: Task
) -> NDArray[np.float32] | None:
    """Weights under which every class counts alike: w · n / (K · n_class), n by weight.

    A regression's weights stay as they are.
    """
    if not task.is_classification:
        return weights
    own = np.ones(len(truth), dtype=np.float32) if weights is None else weights
    totals = np.bincount(truth, weights=own, minlength=task.outputs)
    factor = totals.sum() / (np.count_nonzero(totals) * np.where(totals > 0, totals, 1.0))
    return (own * factor[truth]).astype(np.float32)
