"""The statistics, held against NumPy on the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ranvier.nn import build
from ranvier.spec import Dense, Network
from ranvier.step.probes import (
    activation_statistics,
    layer_outputs,
    log2_histogram,
    weight_statistics,
)


def test_weight_statistics_are_what_their_names_say() -> None:
    random = np.random.default_rng(0)
    before = [random.normal(size=(4, 3)), random.normal(size=5)]
    after = [before[0] * 0.9, np.where(np.arange(5) < 2, 0.0, before[1])]
    gradients = [random.normal(size=(4, 3)), random.normal(size=5)]
    as_tensors = [[torch.from_numpy(a) for a in group] for group in (before, after, gradients)]
    found = weight_statistics(as_tensors[1], as_tensors[0], as_tensors[2])
    for i, (old, new, gradient) in enumerate(zip(before, after, gradients, strict=True)):
        assert found["norm"][i] == pytest.approx(np.linalg.norm(new))
        assert found["update"][i] == pytest.approx(np.linalg.norm(new - old))
        assert found["gradient_mean"][i] == pytest.approx(np.abs(gradient).mean())
        assert found["gradient_max"][i] == pytest.approx(np.abs(gradient).max())
        assert found["alignment"][i] == pytest.approx((gradient * (new - old)).sum())
        assert found["zero"][i] == pytest.approx((new == 0).mean())


def test_the_histogram_counts_floors_of_log2() -> None:
    values = np.array([0.0, 1.0, 1.5, 2.0, 0.5, -0.5, 1e-30, 1e30, 3.99])
    counts = log2_histogram(torch.from_numpy(values))
    bins = np.clip(np.floor(np.log2(np.maximum(np.abs(values), 2.0**-24))) + 24, 0, 31)
    assert counts == np.bincount(bins.astype(int), minlength=32).tolist()


def test_the_histogram_of_a_large_tensor_looks_at_a_sample() -> None:
    assert sum(log2_histogram(torch.ones(1_000_000))) == 4096


def test_saturation_is_the_share_at_the_ends_of_a_bounded_activation() -> None:
    network = build(Network(Dense(1, activation="tanh"), Dense(1, activation="relu")), 1)
    with torch.no_grad():
        network.dense_0.weight.fill_(1.0)
        network.dense_0.bias.zero_()
    outputs = layer_outputs(network, torch.tensor([[-9.0], [-1.0], [0.0], [9.0]]))
    assert activation_statistics(outputs, network)["saturated"] == [0.5, None]


def test_activations_are_looked_at_without_a_trace_in_the_module() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(4))
    network.train()
    with torch.no_grad():
        network[0].weight.fill_(0.0)
        network[0].bias.copy_(torch.tensor([-1.0, 2.0, -3.0, 4.0]))
    counted = network[3].num_batches_tracked.clone()
    outputs = layer_outputs(network, torch.randn(8, 3))
    found = activation_statistics(outputs, network)
    assert list(outputs) == ["0", "1", "3"]
    assert found["dead"][1] == 0.5  # two of the four units lie below zero for every row
    assert found["mean"][0] == pytest.approx(0.5)
    assert found["max"][0] == pytest.approx(4.0)
    assert network.training
    assert torch.equal(network[3].num_batches_tracked, counted)
    assert not network[0]._forward_hooks
