"""The workloads that are raced, by name, in the order of the table."""

from __future__ import annotations

from benchmarks.workloads import (
    characters,
    forecaster,
    lenet,
    mnist_mlp,
    residual_cnn,
    sweep,
    tabular_mlp,
    vae,
)

WORKLOADS = {
    module.WORKLOAD.name: module.WORKLOAD
    for module in (
        tabular_mlp,
        mnist_mlp,
        lenet,
        residual_cnn,
        forecaster,
        characters,
        vae,
        sweep,
    )
}
