"""Normalisation, penalties and constraints give Keras's numbers; Keras's defaults differ."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import (
    ActivityPenalty,
    BatchNorm,
    Constrained,
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Penalized,
    RMSNorm,
    SpectralNorm,
    UnitNorm,
)

CLOSE = {"rtol": 0, "atol": 2e-6}
SHAPE = (4, 3, 6)


def described(value):
    """Ours alone: what others print may hold an address, another in every process."""
    return repr(value) if type(value).__module__.startswith("ranvier") else ""


def rows(shape=SHAPE, batch=5):
    generator = torch.Generator().manual_seed(0)
    return 1 + 2 * torch.randn(batch, *shape, generator=generator)


def learnt(module):
    """The module with scales and shifts that are not what it started with, and their arrays."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(1 + 0.5 * torch.randn(parameter.shape, generator=generator))
    return [parameter.detach().numpy().copy() for parameter in module.parameters()]


def given(theirs, *inputs, **options):
    return theirs(*inputs, **options).detach()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (LayerNorm(epsilon=1e-3), lambda: keras.layers.LayerNormalization(epsilon=1e-3)),
        (
            LayerNorm(axes=2, epsilon=1e-3),
            lambda: keras.layers.LayerNormalization(axis=(-2, -1), epsilon=1e-3),
        ),
        (GroupNorm(3, epsilon=1e-3), lambda: keras.layers.GroupNormalization(3, epsilon=1e-3)),
        (GroupNorm(1, epsilon=1e-3), lambda: keras.layers.GroupNormalization(1, epsilon=1e-3)),
        (InstanceNorm(epsilon=1e-3), lambda: keras.layers.GroupNormalization(-1, epsilon=1e-3)),
        (RMSNorm(), lambda: keras.layers.RMSNormalization(epsilon=1e-6)),
        (UnitNorm(), lambda: keras.layers.UnitNormalization()),
    ],
    ids=described,
)
def test_a_normalisation_with_the_same_scale_gives_the_same_numbers(ours, theirs):
    module, layer = build(ours, SHAPE), theirs()
    layer.build((None, *SHAPE))
    weights = learnt(module)
    layer.set_weights(weights)
    torch.testing.assert_close(module(rows()).detach(), given(layer, rows()), **CLOSE)


def test_batch_norm_agrees_in_training_in_its_running_means_and_in_evaluation():
    module = build(BatchNorm(epsilon=1e-3, momentum=0.1), SHAPE)
    layer = keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.9)
    layer.build((None, *SHAPE))
    layer.set_weights([*learnt(module), np.zeros(6), np.ones(6)])
    batch = rows()
    torch.testing.assert_close(
        module.train()(batch).detach(), given(layer, batch, training=True), **CLOSE
    )
    mean, variance = layer.moving_mean.value.detach(), layer.moving_variance.value.detach()
    torch.testing.assert_close(module.running_mean, mean, **CLOSE)
    # Keras keeps the variance with n below, torch and we with n − 1.
    n = batch.numel() / 6
    batch_variance = (variance - 0.9) / 0.1
    torch.testing.assert_close(
        module.running_var, 0.9 + 0.1 * batch_variance * n / (n - 1), rtol=0, atol=1e-5
    )
    layer.moving_mean.assign(module.running_mean)
    layer.moving_variance.assign(module.running_var)
    torch.testing.assert_close(module.eval()(batch).detach(), given(layer, batch), **CLOSE)


@pytest.mark.parametrize(
    ("constraint", "numbers", "theirs"),
    [
        ("max_norm", {"limit": 1.5}, lambda: keras.constraints.MaxNorm(1.5, axis=0)),
        (
            "min_max_norm",
            {"low": 1.0, "high": 1.5, "rate": 0.3},
            lambda: keras.constraints.MinMaxNorm(1.0, 1.5, rate=0.3, axis=0),
        ),
        ("non_negative", {}, lambda: keras.constraints.NonNeg()),
        ("unit_norm", {}, lambda: keras.constraints.UnitNorm(axis=0)),
    ],
)
def test_a_constraint_puts_weights_where_keras_does(constraint, numbers, theirs):
    module = build(Constrained(Dense(5), constraint, **numbers), 4)
    learnt(module)
    # Keras lays a kernel out as [inputs, units].
    kernel = module.layer.weight.detach().t().clone()
    module.constrain_()
    expected = theirs()(kernel).detach()
    torch.testing.assert_close(module.layer.weight.detach().t(), expected, **CLOSE)


def penalty(layer, batch):
    module = build(layer, tuple(batch.shape[1:]))
    with collected_penalties() as terms:
        module(batch)
    return module, sum(terms)


def test_penalties_are_keras_s_with_half_the_weight_on_squares():
    module, cost = penalty(Penalized(Dense(5), l1=0.1, l2=0.4), rows((4,)))
    expected = keras.regularizers.L1L2(l1=0.1, l2=0.2)(module.layer.weight.detach())
    torch.testing.assert_close(cost.detach(), torch.as_tensor(expected))


def test_the_activity_s_cost_is_keras_s_for_one_sample():
    batch = rows((4,), batch=1)
    layer = keras.layers.ActivityRegularization(l1=0.1, l2=0.2)
    layer(batch)
    _, cost = penalty(ActivityPenalty(l1=0.1, l2=0.4), batch)
    torch.testing.assert_close(cost, torch.as_tensor(layer.losses[0]))


def test_a_spectral_norm_agrees_once_both_know_the_singular_vectors():
    module = build(SpectralNorm(Dense(5), iterations=60), 4).train()
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(5), power_iterations=60)
    layer.build((None, 4))
    inside = module.layer
    layer.layer.set_weights([inside.weight.detach().t().numpy(), inside.bias.detach().numpy()])
    batch = rows((4,))
    expected = given(layer, batch, training=True)
    torch.testing.assert_close(module(batch).detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Dropout(0.3), lambda: keras.layers.Dropout(0.3)),
        (Dropout(0.3, axes=-1), lambda: keras.layers.SpatialDropout1D(0.3)),
        (GaussianNoise(0.3), lambda: keras.layers.GaussianNoise(0.3)),
        (GaussianDropout(0.3), lambda: keras.layers.GaussianDropout(0.3)),
    ],
    ids=described,
)
def test_what_is_random_has_keras_s_mean_and_spread(ours, theirs):
    batch = torch.full((4_000, 3, 8), 2.0)
    torch.manual_seed(0)
    mine = build(ours, (3, 8)).train()(batch)
    other = given(theirs(), batch, training=True)
    assert mine.mean().item() == pytest.approx(other.mean().item(), abs=0.04)
    assert mine.std().item() == pytest.approx(other.std().item(), rel=0.03)
