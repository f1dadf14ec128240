"""Recurrent layers against Keras's, with the same weights, in float32.

Keras keeps weights as [in, gates · H] with one bias for SimpleRNN and LSTM, and orders a GRU's
gates z, r, n; ours are torch's.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras

from ranvier.nn import build
from ranvier.spec import (
    GRU,
    LSTM,
    Bidirectional,
    ConvLSTM,
    Dense,
    GRUCell,
    Network,
    Recurrent,
    SimpleRNN,
    Take,
    TimeDistributed,
)

BATCH, PLACES, FEATURES, UNITS = 4, 6, 3, 5
CLOSE = {"rtol": 0, "atol": 2e-6}
# Keras leaves the state where the mask is false, wherever that is.
MASK = np.array(
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 1, 1], [1, 0, 0, 0, 0, 0]], dtype=bool
)
KERAS = {
    SimpleRNN: keras.layers.SimpleRNN,
    LSTM: keras.layers.LSTM,
    GRU: keras.layers.GRU,
}
every_kind = pytest.mark.parametrize("kind", KERAS)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def numbers(tensor):
    return tensor.detach().cpu().numpy()


def weights_of(keras_layer):
    return [numbers(each.value) for each in keras_layer.weights if "seed" not in each.path]


def draw_weights(keras_layer):
    """Give a Keras layer weights that are not what it starts with."""
    drawn = [draw(*each.shape, seed=i + 5) for i, each in enumerate(weights_of(keras_layer))]
    keras_layer.set_weights(drawn)
    return keras_layer


def in_torch_s_order(kind, weights):
    """Keras's kernel, recurrent kernel and bias as torch's W, U, b, b′."""
    kernel, recurrent, bias = weights
    reads, keeps = (bias[0], bias[1]) if kind is GRU else (bias, np.zeros_like(bias))
    found = [kernel.T, recurrent.T, reads, keeps]
    if kind is GRU:
        z_r_n = (np.split(each, 3) for each in found)
        found = [np.concatenate([r, z, n]) for z, r, n in z_r_n]
    return [torch.from_numpy(np.array(each)) for each in found]


def fill(module, kind, keras_layer):
    """Give a module the weights of a Keras layer of one direction."""
    for parameter, value in zip(
        module.parameters(), in_torch_s_order(kind, weights_of(keras_layer)), strict=True
    ):
        parameter.data.copy_(value)


def keras_layer(kind, **settings):
    """Keras's layer, built, with weights that are not what it starts with."""
    layer = KERAS[kind](UNITS, **settings)
    layer.build((BATCH, PLACES, FEATURES))
    return draw_weights(layer)


def ours(layer, kind, theirs):
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    module = build(network, ((PLACES, FEATURES), (PLACES,)))
    inner = module.get_submodule(f"{layer.kind}_1")
    fill(inner, kind, theirs)
    return module


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(each, dtype=np.float32)) for each in arrays]


@every_kind
def test_the_same_weights_give_the_same_sequence_and_states(kind):
    theirs = keras_layer(kind, return_sequences=True, return_state=True)
    module = ours(kind(UNITS, states=True), kind, theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    mine = module(*tensors(rows, MASK))
    for its, expected in zip(mine, theirs(rows), strict=True):
        np.testing.assert_allclose(numbers(its), numbers(expected), **CLOSE)


@every_kind
def test_a_mask_hides_the_same_places_and_leaves_zeros_where_keras_repeats(kind):
    theirs = keras_layer(kind, return_sequences=True, return_state=True)
    module = ours(kind(UNITS, states=True, mask="padding"), kind, theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    output, *states = module(*tensors(rows, MASK))
    expected, *ends = theirs(rows, mask=MASK)
    output, expected = numbers(output), numbers(expected)
    np.testing.assert_allclose(output[MASK], expected[MASK], **CLOSE)
    assert np.all(output[~MASK] == 0)
    # Keras gives the last real place's output once more there.
    assert np.array_equal(expected[1, 3], expected[1, 2])
    for its, end in zip(states, ends, strict=True):
        np.testing.assert_allclose(numbers(its), numbers(end), **CLOSE)


@every_kind
def test_reading_backwards_gives_keras_s_outputs_at_their_own_places(kind):
    theirs = keras_layer(kind, return_sequences=True, go_backwards=True)
    module = ours(kind(UNITS, backwards=True), kind, theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    expected = numbers(theirs(rows))[:, ::-1]
    np.testing.assert_allclose(numbers(module(*tensors(rows, MASK))), expected, **CLOSE)


@every_kind
@pytest.mark.parametrize(
    ("join", "merge"),
    [("concat", "concat"), ("sum", "sum"), ("average", "ave"), ("multiply", "mul")],
)
@pytest.mark.parametrize("sequence", [True, False])
def test_both_directions_join_as_in_keras(kind, join, merge, sequence):
    theirs = keras.layers.Bidirectional(
        KERAS[kind](UNITS, return_sequences=sequence), merge_mode=merge
    )
    theirs.build((BATCH, PLACES, FEATURES))
    draw_weights(theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    expected = numbers(theirs(rows))
    both = in_torch_s_order(kind, weights_of(theirs.forward_layer))
    both += in_torch_s_order(kind, weights_of(theirs.backward_layer))
    field = kind(UNITS, bidirectional=True, join=join, sequence=sequence)
    wrapper = Bidirectional(kind(UNITS, sequence=sequence), join=join)
    for layer in (field, wrapper):
        module = build(layer, (PLACES, FEATURES))
        for parameter, value in zip(module.parameters(), both, strict=True):
            parameter.data.copy_(value)
        np.testing.assert_allclose(numbers(module(*tensors(rows))), expected, **CLOSE)


@every_kind
def test_an_initial_state_is_keras_s(kind):
    theirs = keras_layer(kind, return_sequences=True)
    parts = 2 if kind is LSTM else 1
    layer = kind(UNITS, initial=("h", "c")[:parts])
    names = ("input", "h", "c")[: 1 + parts]
    shapes = ((PLACES, FEATURES), (UNITS,), (UNITS,))[: 1 + parts]
    module = build(Network(Take("input"), layer, inputs=names), shapes)
    fill(module.get_submodule(f"{layer.kind}_1"), kind, theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    states = [draw(BATCH, UNITS, seed=20 + i) for i in range(parts)]
    expected = theirs(rows, initial_state=[torch.from_numpy(each) for each in states])
    given = module(*tensors(rows, *states))
    np.testing.assert_allclose(numbers(given), numbers(expected), **CLOSE)


def test_a_cell_run_over_a_sequence_is_keras_s_rnn():
    theirs = keras.layers.RNN(keras.layers.GRUCell(UNITS), return_sequences=True)
    theirs.build((BATCH, PLACES, FEATURES))
    draw_weights(theirs)
    module = build(Recurrent(GRUCell(UNITS)), (PLACES, FEATURES))
    fill(module, GRU, theirs)
    rows = draw(BATCH, PLACES, FEATURES)
    np.testing.assert_allclose(numbers(module(*tensors(rows))), numbers(theirs(rows)), **CLOSE)


def test_a_layer_at_every_place_is_keras_s():
    theirs = keras.layers.TimeDistributed(keras.layers.Dense(UNITS, activation="tanh"))
    theirs.build((BATCH, PLACES, FEATURES))
    draw_weights(theirs)
    module = build(TimeDistributed(Dense(UNITS, activation="tanh")), (PLACES, FEATURES))
    kernel, bias = weights_of(theirs)
    module.layer.weight.data.copy_(torch.from_numpy(kernel.T.copy()))
    module.layer.bias.data.copy_(torch.from_numpy(bias))
    rows = draw(BATCH, PLACES, FEATURES)
    np.testing.assert_allclose(numbers(module(*tensors(rows))), numbers(theirs(rows)), **CLOSE)


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel": 3, "padding": "same"},
        {"kernel": 2, "padding": "same", "stride": 2},
        {"kernel": 3, "padding": "valid", "dilation": 2},
    ],
    ids=str,
)
def test_a_convolutional_lstm_is_keras_s(axes, settings):
    kind = {1: keras.layers.ConvLSTM1D, 2: keras.layers.ConvLSTM2D}[axes]
    theirs = kind(
        UNITS,
        settings["kernel"],
        strides=settings.get("stride", 1),
        dilation_rate=settings.get("dilation", 1),
        padding=settings["padding"],
        return_sequences=True,
        return_state=True,
    )
    shape = (PLACES, *(7, 6)[:axes], FEATURES)
    theirs.build((BATCH, *shape))
    draw_weights(theirs)
    kernel, recurrent, bias = weights_of(theirs)
    layer = ConvLSTM(UNITS, states=True, mask="padding", **settings)
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    module = build(network, (shape, shape[:1]))
    inner = module.get_submodule("conv_lstm_1")
    for name, value in (("weight_ih", kernel), ("weight_hh", recurrent)):
        turned = np.moveaxis(value, (-1, -2), (0, 1))
        inner.get_parameter(name).data.copy_(torch.from_numpy(turned.copy()))
    inner.bias.data.copy_(torch.from_numpy(bias))
    rows = draw(BATCH, *shape)
    expected, *ends = theirs(rows, mask=MASK)
    output, *states = module(*tensors(rows, MASK))
    np.testing.assert_allclose(numbers(output)[MASK], numbers(expected)[MASK], **CLOSE)
    for its, end in zip(states, ends, strict=True):
        np.testing.assert_allclose(numbers(its), numbers(end), **CLOSE)


@every_kind
def test_weights_start_as_keras_s_do(kind):
    theirs = KERAS[kind](200)
    theirs.build((1, 3, 100))
    kernel, recurrent, bias = weights_of(theirs)
    module = build(kind(200), (3, 100))
    gates = len(module.weight_hh_l0) // 200
    # All gates as one orthogonal matrix.
    product = numbers(module.weight_hh_l0.T @ module.weight_hh_l0)
    np.testing.assert_allclose(product, np.eye(200), atol=1e-5)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(200), atol=1e-5)
    if kind is LSTM:
        total = numbers(module.bias_ih_l0 + module.bias_hh_l0)
        assert np.array_equal(total, bias)
    # A gate is a layer of its own for Glorot here, and a part of one wide layer in Keras.
    assert numbers(module.weight_ih_l0).std() == pytest.approx((2 / 300) ** 0.5, rel=0.02)
    assert kernel.std() == pytest.approx((2 / (100 + 200 * gates)) ** 0.5, rel=0.02)
