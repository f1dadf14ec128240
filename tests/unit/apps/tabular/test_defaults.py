"""The default for tables: what it is for which data, and that it says why."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.apps.choices import fill, spell_out
from ranvier.apps.tabular.defaults import (
    default_batch_size,
    default_network,
    default_settings,
    table_features,
)
from ranvier.core.task import Task
from ranvier.data.tabular.encode import Layout
from ranvier.nn import build
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Dropout, MemberDense, Network, PiecewiseEmbedding, SharedDense

KIND = Task("classification", "kind", ("a", "b", "c"))
PRICE = Task("regression", "price")


def drawn(num_rows, columns):
    return np.random.default_rng(0).normal(size=(num_rows, columns)).astype(np.float32)


def settings_of(task, num_rows):
    network, _ = default_network(Layout(2), task, numbers=drawn(10, 2))
    choices = default_settings(network, task, num_rows=num_rows)
    return {choice.what: choice.value for choice in choices}


@pytest.mark.parametrize("task", [KIND, PRICE], ids=lambda task: task.kind)
@pytest.mark.parametrize("layout", [Layout(3), Layout(0, (4, 90)), Layout(2, (3, 5))], ids=str)
def test_the_default_network_fits_its_table_and_its_task(task, layout):
    network, _ = default_network(layout, task, numbers=drawn(200, layout.numeric))
    module = build(network, layout.features)
    rows = np.concatenate([drawn(4, layout.numeric), np.ones((4, len(layout.cardinalities)))], 1)
    output = module(torch.from_numpy(rows.astype(np.float32)))
    assert network.members == 8
    assert output.shape == (4, 8, task.outputs)


def test_numbers_bend_at_the_quantiles_of_the_training_rows():
    numbers = drawn(4_800, 2)
    curves = table_features(Layout(2), numbers).numbers
    assert isinstance(curves, PiecewiseEmbedding)
    for column, edges in zip(numbers.T, curves.edges, strict=True):
        expected = np.quantile(column.astype(np.float64), np.linspace(0, 1, 49))
        np.testing.assert_allclose(edges, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("columns", "units"), [(1, 16), (32, 16), (64, 8), (128, 4), (129, None), (1_000, None)]
)
def test_many_numbers_get_fewer_features_each_and_then_none(columns, units):
    curves = table_features(Layout(columns), drawn(50, columns)).numbers
    assert (curves.units if isinstance(curves, PiecewiseEmbedding) else None) == units


@pytest.mark.parametrize(("task", "num_rows"), [(KIND, 10_000), (KIND, 100), (PRICE, 100)])
def test_members_share_and_drop_out_where_rows_could_be_learnt_by_heart(task, num_rows):
    network, why = default_network(Layout(2), task, numbers=drawn(num_rows, 2))
    kinds = [type(layer) for layer in network.layers[2:]]
    assert kinds == [SharedDense, Dropout, SharedDense, Dropout, MemberDense]
    assert "TabM" in why


def test_many_rows_of_a_number_train_members_of_their_own():
    network, _ = default_network(Layout(2), PRICE, numbers=drawn(10_000, 2))
    assert [type(layer) for layer in network.layers[2:]] == [MemberDense] * 3


def test_few_rows_make_few_bins():
    def bins(num_rows):
        curves = table_features(Layout(1), drawn(num_rows, 1)).numbers
        assert isinstance(curves, PiecewiseEmbedding)
        return curves.bins

    assert [bins(rows) for rows in (20, 400, 2_400, 9_000)] == [4, 8, 48, 48]


@pytest.mark.parametrize("task", [KIND, PRICE], ids=lambda task: task.kind)
@pytest.mark.parametrize("num_rows", [1, 30, 1_000, 60_000, 3_000_000])
def test_every_default_setting_is_one_that_training_takes(task, num_rows):
    network, why = default_network(Layout(2), task, numbers=drawn(10, 2))
    choices = default_settings(network, task, num_rows=num_rows)
    settings, taken = fill(TrainSettings(), choices)
    spelled = spell_out(settings)
    assert taken == choices
    assert spelled.learning_rate == settings.learning_rate
    assert 8 <= settings.epochs <= 150
    assert why and all(choice.why for choice in choices)


def test_epochs_are_as_many_as_make_the_updates():
    rows = 58_000
    chosen = settings_of(KIND, rows)
    assert 2_500 <= chosen["epochs"] * (rows // chosen["batch_size"]) <= 3_500
    longer = settings_of(PRICE, rows)
    assert 3_500 <= longer["epochs"] * (rows // longer["batch_size"]) <= 4_500


def test_the_learning_rate_follows_small_batches_down_and_the_root_of_large_ones_up():
    rates = [settings_of(KIND, rows)["learning_rate"] for rows in (300, 58_000, 3_000_000)]
    assert rates == [0.001, 0.004, 0.008]


def test_batches_grow_with_the_rows_in_powers_of_two():
    sizes = [default_batch_size(rows) for rows in range(1, 300_000, 997)]
    assert sizes == sorted(sizes)
    assert {32, 64, 128, 256, 1024} == set(sizes)


def test_the_default_network_goes_to_json_and_back():
    network, _ = default_network(Layout(3, (4, 90)), KIND, numbers=drawn(500, 3))
    assert Network.from_json(network.to_json()) == network
