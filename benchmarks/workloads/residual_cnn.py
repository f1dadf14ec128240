"""W4: a residual network of three blocks, where convolutions are the work."""

from __future__ import annotations

from benchmarks.workloads.lenet import pictures
from benchmarks.workloads.sources import fashion_mnist
from benchmarks.workloads.workload import Data, Workload, classes
from ranvier.spec.architectures import resnet

TRAIN_ROWS = 30 * 128


def load() -> Data:
    return pictures(fashion_mnist(), TRAIN_ROWS)


WORKLOAD = Workload(
    name="w4",
    title="W4 residual CNN 16-32-64 on Fashion-MNIST, batch 128",
    model="residual_cnn",
    made_of="Fashion-MNIST, 3,840 pictures",
    load=load,
    network=resnet(20, blocks=(1, 1, 1), shortcut="projection"),
    task=classes(10),
    loss="cross_entropy",
    batch_size=128,
    learning_rate=1e-3,
    quality="accuracy",
    aim=1.5,
    shows_share=True,
)
