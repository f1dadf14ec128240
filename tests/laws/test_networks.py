"""Laws of whole networks, over networks and files that hypothesis draws."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.core.errors import RanvierError
from ranvier.nn import build
from ranvier.spec import (
    ACTIVATIONS,
    INITIALIZERS,
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Initializer,
    LayerNorm,
    Network,
    Parallel,
    Repeat,
    Residual,
    Sequence,
)

WIDTH = 3
FOR_MATRICES = [name for name in INITIALIZERS if not Initializer(name).misfit((WIDTH, WIDTH))]
plain = st.one_of(
    st.builds(
        Dense,
        st.just(WIDTH),
        activation=st.one_of(st.none(), st.sampled_from(list(ACTIVATIONS))),
        bias=st.booleans(),
        initializer=st.one_of(st.none(), st.sampled_from(FOR_MATRICES)),
    ),
    st.builds(Activation, st.sampled_from(list(ACTIVATIONS))),
    st.builds(Activation, st.just("leaky_relu"), slope=st.floats(-2, 2)),
    st.builds(Dropout, st.floats(0, 0.9)),
    st.builds(BatchNorm, momentum=st.floats(0.01, 1), affine=st.booleans()),
    st.builds(LayerNorm, epsilon=st.floats(1e-8, 0.1)),
)


def composed(inside):
    row = st.lists(inside, min_size=1, max_size=3)
    return st.one_of(
        row.map(lambda layers: Residual(*layers)),
        row.map(lambda layers: Sequence(*layers)),
        st.builds(lambda layers, times: Repeat(*layers, times=times), row, st.integers(1, 3)),
        st.builds(
            lambda branches, join: Parallel(*branches, join=join),
            row,
            st.sampled_from(["sum", "average", "multiply"]),
        ),
    )


layers = st.recursive(plain, composed, max_leaves=8)
networks = st.lists(layers, min_size=1, max_size=4).map(lambda inside: Network(*inside))
KEYS = st.sampled_from(["kind", "layers", "units", "name", "function", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(networks)
def test_any_network_comes_back_from_its_json_and_is_described_as_it_is_built(network):
    again = Network.from_json(network.to_json())
    assert again == network and hash(again) == hash(network)
    description = network.describe(input=WIDTH)
    module = build(network, WIDTH)
    assert description.parameters == sum(p.numel() for p in module.parameters())
    assert tuple(module(torch.zeros(2, WIDTH)).shape) == (2, *description.output_shape)
    ElementTree.fromstring(network.draw(input=WIDTH))


def network_or_refusal(text: str) -> bool:
    """Whether the text is read, or refused with an error of ours that says where."""
    try:
        return isinstance(Network.from_json(text), Network)
    except RanvierError as error:
        return str(error).startswith("network")


@settings(deadline=None, max_examples=300)
@given(json_values)
def test_any_json_is_a_network_or_a_refusal_of_ours(value):
    for document in (
        value,
        {"kind": "network", "layers": [value]},
        {"kind": "network", "layers": [{"kind": "activation", "function": value}]},
        {"kind": "network", "layers": [{"kind": "dense", "units": 3, "activation": value}]},
        {"kind": "network", "layers": [{"kind": "parallel", "branches": value, "join": value}]},
    ):
        assert network_or_refusal(json.dumps(document))


@settings(deadline=None, max_examples=150)
@given(networks, st.data())
def test_a_network_with_one_value_replaced_is_a_network_or_a_refusal_of_ours(network, data):
    document = json.loads(network.to_json())
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(json_values)
    assert network_or_refusal(json.dumps(document))


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_any_text_is_a_network_or_a_refusal_of_ours(text):
    assert network_or_refusal(text)
