"""W1: a small network on a table, where nearly all of the time is overhead."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads.workload import Data, Workload, classes
from ranvier.core.random import generator
from ranvier.spec.architectures import mlp

FEATURES, CLASSES = 20, 10
TRAIN_ROWS, TEST_ROWS = 64_000, 10_000


def load(rows: int = TRAIN_ROWS) -> Data:
    """Ten noisy classes of a linear rule in twenty normal numbers."""
    draw = generator(0, "benchmark", "tabular")
    directions = draw.normal(size=(FEATURES, CLASSES))

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        inputs = draw.normal(size=(count, FEATURES))
        scores = inputs @ directions + draw.gumbel(scale=2.0, size=(count, CLASSES))
        return inputs.astype(np.float32), scores.argmax(1)

    return Data(*part(rows), *part(TEST_ROWS))


WORKLOAD = Workload(
    name="w1",
    title="W1 small tabular MLP, 20-64-64-10, batch 32",
    model="mlp",
    made_of="synthetic, 64,000 rows: no real table that packages ship is 20 numbers and 10 classes",
    load=load,
    network=mlp(CLASSES, hidden=(64, 64), flatten=False),
    task=classes(CLASSES),
    loss="cross_entropy",
    batch_size=32,
    learning_rate=1e-3,
    quality="accuracy",
    aim=2.0,
)
