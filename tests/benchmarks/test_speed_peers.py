"""The peers train what Ranvier trains: the same network from the same weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from benchmarks.contenders import PEERS, ROOT
from benchmarks.peers.job import Job
from benchmarks.peers.modules.registry import criterion_of, inputs_of, made
from benchmarks.peers.torch_indexed import learner
from benchmarks.peers_environment import pins
from benchmarks.workloads import tabular_mlp
from benchmarks.workloads.job import write_job
from benchmarks.workloads.registry import WORKLOADS
from benchmarks.workloads.workload import Data, Workload
from ranvier.data.order import epoch_order
from ranvier.losses import loss_from
from ranvier.nn.penalties import collected_penalties
from ranvier.step import Head

SHAPES = {
    "w1": (20,),
    "w2": (784,),
    "w3": (28, 28, 1),
    "w4": (28, 28, 1),
    "w5": (64, 1),
    "w6": (128,),
    "w7": (784,),
    "w8": (20,),
}


def some_rows(workload: Workload, rows: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the workload's shape; what is in them does not matter here."""
    draw = np.random.default_rng(0)
    shape = (rows, *SHAPES[workload.name])
    if workload.model == "gpt":
        return draw.integers(72, size=shape), draw.integers(72, size=shape)
    inputs = draw.random(shape).astype(np.float32)
    if workload.model == "vae":
        return inputs, inputs
    if workload.model == "forecaster":
        return inputs, draw.random(rows).astype(np.float32)
    return inputs, draw.integers(10, size=rows)


def our_loss(workload: Workload, inputs: np.ndarray, targets: np.ndarray) -> float:
    module = rv.build(workload.network, inputs.shape[1:], seed=3).train()
    with collected_penalties() as terms:
        outputs = Head(workload.task).for_loss(module(torch.from_numpy(inputs)))
    loss = loss_from(workload.loss)(outputs, torch.from_numpy(targets))
    return (loss + sum(terms)).item()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_network_by_hand_with_our_weights_has_our_first_loss(name: str) -> None:
    workload = WORKLOADS[name]
    inputs, targets = some_rows(workload)
    module = rv.build(workload.network, inputs.shape[1:], seed=3)
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    by_hand = made(workload.model, weights).train()
    torch.manual_seed(0)
    ours = our_loss(workload, inputs, targets)
    torch.manual_seed(0)  # The autoencoder draws in its forward pass.
    outputs = by_hand(inputs_of(workload.model, inputs))
    theirs = criterion_of(workload.model)(outputs, torch.from_numpy(targets)).item()
    assert theirs == pytest.approx(ours, rel=1e-5)


def test_a_job_holds_the_weights_and_the_order_that_ranvier_itself_takes(tmp_path: Path) -> None:
    workload = replace(tabular_mlp.WORKLOAD, load=lambda: tabular_mlp.load(96))
    write_job(workload, tmp_path, epochs=2, seeds=(0, 5), device="cpu")
    job = Job.read(tmp_path)
    (member,) = job.members[5]
    module = rv.build(workload.network, (20,), seed=5)
    for name, values in job.weights(member).items():
        assert np.array_equal(values, module.get_parameter(name).detach().numpy())
    assert np.array_equal(job.order(member), [epoch_order(5, epoch, 96) for epoch in range(2)])
    assert (job.epochs, job.batch_size, job.model) == (2, 32, "mlp")


def test_the_members_of_a_sweep_share_no_seed_within_or_between_sweeps() -> None:
    sweep = WORKLOADS["w8"]
    members = [member for seed in range(3) for member in sweep.members_of(seed)]
    assert len({member.seed for member in members}) == len(members) == 3 * 64
    assert sweep.members_of(0)[7].learning_rate == sweep.members_of(2)[7].learning_rate


def test_a_job_of_one_batch_is_its_first_rows(tmp_path: Path) -> None:
    workload = replace(tabular_mlp.WORKLOAD, load=lambda: tabular_mlp.load(96))
    write_job(workload, tmp_path, epochs=1, seeds=(0,), device="cpu")
    whole = Job.read(tmp_path)
    first = replace(whole, rows=32)
    assert np.array_equal(first.inputs, whole.inputs[:32])
    assert first.order(whole.members[0][0]).tolist() == [list(range(32))]


def test_the_loop_by_hand_learns(tmp_path: Path) -> None:
    data: Data = tabular_mlp.load(3200)
    workload = replace(tabular_mlp.WORKLOAD, load=lambda: data)
    write_job(workload, tmp_path, epochs=3, seeds=(0,), device="cpu")
    job = Job.read(tmp_path)
    (member,) = job.members[0]
    trained = learner(job, member)
    losses = [trained.train(order) for order in job.order(member)]
    assert losses == sorted(losses, reverse=True)
    assert trained.outputs(data.test_inputs[:5]).shape == (5, 10)


def test_every_peer_is_pinned_to_one_version_and_torch_to_none() -> None:
    versions = dict(line.split("==") for line in pins())
    wanted = {"lightning", "skorch", "fastai", "keras", "jax", "optax", "scikit-learn", "numpy"}
    assert wanted <= versions.keys()
    assert all(versions.values())
    assert not versions.keys() & {"torch", "torchvision"}
    assert versions["lightning"] == versions["pytorch-lightning"]


def test_every_peer_has_its_file() -> None:
    for peer in PEERS.values():
        assert (ROOT / f"{peer.module.replace('.', '/')}.py").is_file()
