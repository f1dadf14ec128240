"""A workload as files that any contender reads with NumPy alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import ranvier as rv
from benchmarks.workloads.workload import Workload
from ranvier.data.order import epoch_order


def write_job(
    workload: Workload, folder: Path, *, epochs: int, seeds: tuple[int, ...], device: str
) -> None:
    """Write rows, first weights and the order of `epochs` for every member of every seed.

    folder/ job.json  {train,test}_{inputs,targets}.npy  weights-SEED.npz  order-SEED.npy
    """
    data = workload.load()
    arrays = {
        "train_inputs": data.inputs,
        "train_targets": data.targets,
        "test_inputs": data.test_inputs,
        "test_targets": data.test_targets,
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values))
    members = {seed: workload.members_of(seed) for seed in seeds}
    for each in members.values():
        for member in each:
            write_member(workload, folder, member.seed, data.inputs, epochs)
    document = {
        "name": workload.name,
        "model": workload.model,
        "loss": workload.loss,
        "quality": workload.quality,
        "batch_size": workload.batch_size,
        "is_sweep": workload.is_sweep,
        "device": device,
        "members": {
            seed: [{"seed": m.seed, "learning_rate": m.learning_rate} for m in each]
            for seed, each in members.items()
        },
    }
    (folder / "job.json").write_text(json.dumps(document))


def write_member(
    workload: Workload, folder: Path, seed: int, inputs: np.ndarray, epochs: int
) -> None:
    """The weights that a seed starts from, made once, and the order in which it sees the rows."""
    module = rv.build(workload.network, inputs.shape[1:], seed=seed)
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    np.savez(folder / f"weights-{seed}.npz", **weights)  # type: ignore[arg-type]
    order = np.stack([epoch_order(seed, epoch, len(inputs)) for epoch in range(epochs)])
    np.save(folder / f"order-{seed}.npy", order)
