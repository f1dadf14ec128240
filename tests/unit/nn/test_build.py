"""Building: names, seeds, starts, and what a built module carries."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.nn import build
from ranvier.nn.initializers import FILLS
from ranvier.spec import (
    INITIALIZERS,
    BatchNorm,
    Dense,
    Dropout,
    Initializer,
    LayerNorm,
    Network,
    Repeat,
    Residual,
    TableFeatures,
)

NETWORK = Network(
    Dense(8, activation="relu"), Repeat(Residual(Dense(8)), times=2), Dense(3, name="head")
)


def test_names_follow_the_paths_of_the_description():
    assert list(build(NETWORK, 4).state_dict()) == [
        "dense_0.weight",
        "dense_0.bias",
        "repeat_1.0.residual_0.dense_0.weight",
        "repeat_1.0.residual_0.dense_0.bias",
        "repeat_1.1.residual_0.dense_0.weight",
        "repeat_1.1.residual_0.dense_0.bias",
        "head.weight",
        "head.bias",
    ]


def test_a_built_module_carries_its_description_and_its_input_shapes():
    module = build(NETWORK, 4)
    assert module.description is NETWORK
    assert module.input_shapes == ((4,),)


def test_layers_that_torch_has_are_torch_s_own():
    module = build(Network(Dense(4), Dropout(0.2), LayerNorm()), 4)
    assert isinstance(module[0], nn.Linear)
    assert type(module[1]) is nn.Dropout and module[1].p == 0.2
    assert type(module[2]) is nn.LayerNorm


def test_weights_are_a_function_of_the_seed_alone():
    torch.manual_seed(1)
    first = build(NETWORK, 4, seed=7).state_dict()
    torch.manual_seed(2)
    torch.rand(3)
    second = build(NETWORK, 4, seed=7).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build(NETWORK, 4, seed=8).state_dict()
    assert not torch.equal(first["dense_0.weight"], other["dense_0.weight"])


def test_building_does_not_touch_the_global_random_state():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    build(NETWORK, 4, seed=7)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_layer_put_in_elsewhere_leaves_the_other_weights_as_they_are():
    first = build(NETWORK, 4).state_dict()
    longer = build(Network(*NETWORK.layers[:2], Dropout(0.1), NETWORK.layers[2]), 4).state_dict()
    assert all(torch.equal(first[name], longer[name]) for name in first)


def test_layers_alike_start_differently():
    state = build(Network(Dense(4), Dense(4)), 4).state_dict()
    assert not torch.equal(state["dense_0.weight"], state["dense_1.weight"])


def test_a_shape_that_does_not_fit_is_refused_before_any_weight_is_made():
    with pytest.raises(ShapeError, match="residual_1: Residual got"):
        build(Network(Dense(10**9), Residual(Dense(10**9 + 1))), 10**9)


def test_a_name_that_torch_keeps_for_itself_is_refused_with_a_mend():
    with pytest.raises(NetworkError) as caught:
        build(Network(Dense(3, name="forward")), 3)
    assert str(caught.value) == (
        "network: torch keeps one of the names forward for itself. Give that layer another name."
    )


def test_a_deep_copy_computes_the_same():
    module = build(NETWORK, 4)
    rows = torch.randn(5, 4)
    assert torch.equal(copy.deepcopy(module)(rows), module(rows))


def test_every_initializer_is_at_hand():
    assert set(FILLS) == set(INITIALIZERS)


@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        ("he_normal", math.sqrt(2 / 300)),
        ("he_uniform", math.sqrt(2 / 300)),
        ("glorot_normal", math.sqrt(2 / 500)),
        ("glorot_uniform", math.sqrt(2 / 500)),
        ("lecun_normal", math.sqrt(1 / 300)),
        ("lecun_uniform", math.sqrt(1 / 300)),
        (Initializer("normal", std=0.3), 0.3),
        (Initializer("uniform", low=-0.6, high=0.6), 0.6 / math.sqrt(3)),
        (Initializer("truncated_normal", std=1.0), 0.8796),
        ("zeros", 0.0),
        ("ones", 0.0),
        (Initializer("constant", value=0.7), 0.0),
    ],
)
def test_an_initializer_draws_the_deviation_that_it_states(initializer, deviation):
    weight = build(Dense(200, initializer=initializer), 300).weight
    assert weight.std().item() == pytest.approx(deviation, rel=0.02, abs=1e-6)
    centre = {"ones": 1.0}.get(initializer, 0.7 if "constant" in repr(initializer) else 0.0)
    assert weight.mean().item() == pytest.approx(
        centre, abs=5 * deviation / math.sqrt(60_000) + 1e-6
    )


def test_an_orthogonal_start_is_orthogonal():
    weight = build(Dense(20, initializer=Initializer("orthogonal", gain=2.0)), 30).weight
    torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(20), rtol=0, atol=1e-5)


def test_a_truncated_normal_stays_within_two_deviations():
    weight = build(Dense(200, initializer=Initializer("truncated_normal", std=0.5)), 300).weight
    assert weight.abs().max().item() <= 1.0


def test_relu_layers_keep_the_size_of_the_signal_through_fifty_layers():
    module = build(Network(*[Dense(256, activation="relu")] * 50), 256)
    rows = torch.randn(64, 256)
    assert 0.1 < (module(rows).square().mean() / rows.square().mean()).item() < 10


def test_a_default_device_around_the_call_changes_no_weight():
    expected = build(NETWORK, 4).state_dict()
    with torch.device("meta"):
        found = build(NETWORK, 4).state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_table_s_constants_are_not_among_its_weights():
    module = build(Network(TableFeatures(numeric=1, cardinalities=(4, 30)), Dense(2)), 3)
    assert list(module.state_dict()) == [
        "table_features_0.embedding_8",
        "dense_1.weight",
        "dense_1.bias",
    ]


def test_training_mode_is_captured_with_its_buffers_updated():
    module = build(Network(Dense(4), BatchNorm(), Dropout(0.5)), 3)
    state = {name: p.detach().clone() for name, p in module.state_dict().items()}
    rows = torch.randn(16, 3)

    def step(state, rows):
        return torch.func.functional_call(module, state, (rows,)).mean(), state

    graph = make_fx(step)({name: value.clone() for name, value in state.items()}, rows)
    torch.manual_seed(0)
    captured, after = graph({name: value.clone() for name, value in state.items()}, rows)
    torch.manual_seed(0)
    assert torch.equal(captured, module(rows).mean())
    assert all(torch.equal(after[name], value) for name, value in module.state_dict().items())
    assert not torch.equal(after["batch_norm_1.running_mean"], state["batch_norm_1.running_mean"])


def test_an_ensemble_axis_goes_through_dense_and_normalising_layers():
    module = build(Network(Dense(6, activation="relu"), BatchNorm(), LayerNorm(), Dense(2)), (5, 4))
    assert tuple(module(torch.randn(3, 5, 4)).shape) == (3, 5, 2)
