"""W7: a variational autoencoder, which draws random numbers in every step."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workloads import mnist_mlp
from benchmarks.workloads.workload import REGRESSION, Data, Workload
from ranvier.spec.architectures import vae


def load() -> Data:
    """MNIST, each picture 784 numbers from 0 to 1, to be given back."""
    data = mnist_mlp.load()
    return replace(data, targets=data.inputs, test_targets=data.test_inputs)


WORKLOAD = Workload(
    name="w7",
    title="W7 VAE 784-400-20-400-784 on MNIST, batch 128",
    model="vae",
    made_of="MNIST, 59,904 pictures",
    load=load,
    network=vae(784),
    task=REGRESSION,
    loss="binary_cross_entropy",
    batch_size=128,
    learning_rate=1e-3,
    quality="binary_cross_entropy",
    aim=1.5,
)
