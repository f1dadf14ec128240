"""W2: a wide network on flat pictures, where matrix products begin to count."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads.sources import mnist
from benchmarks.workloads.workload import Data, Workload, classes
from ranvier.spec.architectures import mlp

TRAIN_ROWS = 468 * 128


def load() -> Data:
    """MNIST, each picture 784 numbers from 0 to 1."""
    found = mnist()

    def flat(pictures: np.ndarray) -> np.ndarray:
        return pictures.reshape(-1, 784).astype(np.float32) / 255

    return Data(
        flat(found["inputs"][:TRAIN_ROWS]),
        found["targets"][:TRAIN_ROWS].astype(np.int64),
        flat(found["test_inputs"]),
        found["test_targets"].astype(np.int64),
    )


WORKLOAD = Workload(
    name="w2",
    title="W2 MLP 784-512-256-10 on MNIST, batch 128",
    model="mlp",
    made_of="MNIST, 59,904 pictures",
    load=load,
    network=mlp(10, hidden=(512, 256), flatten=False),
    task=classes(10),
    loss="cross_entropy",
    batch_size=128,
    learning_rate=1e-3,
    quality="accuracy",
    aim=2.0,
    shows_share=True,
)
