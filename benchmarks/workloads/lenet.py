"""W3: LeNet-5, a convolutional network so small that overhead is most of it."""

from __future__ import annotations

from benchmarks.workloads.sources import Arrays, mnist
from benchmarks.workloads.workload import Data, Workload, classes
from ranvier.spec.architectures import lenet

TRAIN_ROWS = 320 * 64


def pictures(found: Arrays, rows: int) -> Data:
    """So many pictures [28, 28, 1] to train on and all test pictures, numbers from 0 to 1."""
    return Data(
        (found["inputs"][:rows, ..., None] / 255).astype("float32"),
        found["targets"][:rows].astype("int64"),
        (found["test_inputs"][..., None] / 255).astype("float32"),
        found["test_targets"].astype("int64"),
    )


def load() -> Data:
    return pictures(mnist(), TRAIN_ROWS)


WORKLOAD = Workload(
    name="w3",
    title="W3 LeNet-5 on MNIST, batch 64",
    model="lenet",
    made_of="MNIST, 20,480 pictures",
    load=load,
    network=lenet(),
    task=classes(10),
    loss="cross_entropy",
    batch_size=64,
    learning_rate=1e-3,
    quality="accuracy",
    aim=2.0,
)
