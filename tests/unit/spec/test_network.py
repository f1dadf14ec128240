"""Networks as values and as JSON, also from an unknown hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ranvier.core.errors import FormatError, NetworkError
from ranvier.spec import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Network,
    PeriodicEmbedding,
    Repeat,
    Residual,
    TableFeatures,
)

NETWORK = Network(
    Dense(64, activation="relu"),
    BatchNorm(),
    Repeat(Residual(Dense(64, activation=Activation("leaky_relu", slope=0.2))), times=3),
    Dropout(0.1),
    Dense(10, initializer="orthogonal", name="head"),
    name="example",
)


def read_error(document) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(NetworkError) as caught:
        Network.from_json(text)
    return str(caught.value)


def test_the_description_imports_no_torch():
    code = "import sys, ranvier.spec; print([m for m in sys.modules if m.startswith('torch')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_json_is_pretty_stable_and_says_its_format():
    text = NETWORK.to_json()
    assert text.startswith('{\n  "format": 1,\n  "kind": "network",\n  "name": "example",')
    assert '\n    {"kind": "dense", "units": 64, "activation": "relu", "bias": true},\n' in text
    assert Network.from_json(text).to_json() == text
    assert max(map(len, text.splitlines())) <= 88


def test_a_digest_beside_the_network_is_ignored():
    document = json.loads(NETWORK.to_json()) | {"digest": "0" * 64}
    assert Network.from_json(json.dumps(document)) == NETWORK


def test_what_a_person_leaves_out_takes_its_default():
    text = '{"kind": "network", "layers": [{"kind": "dense", "units": 3}]}'
    assert Network.from_json(text) == Network(Dense(3))


def test_numbers_may_be_spelled_periodic_in_a_file():
    table = {"kind": "table_features", "numeric": 2, "cardinalities": [3], "numbers": "periodic"}
    network = Network.from_json(json.dumps({"kind": "network", "layers": [table]}))
    assert network.layers[0] == TableFeatures(
        numeric=2, cardinalities=(3,), numbers=PeriodicEmbedding()
    )


def test_everything_that_is_wrong_in_a_file_is_reported_with_its_path():
    layers = [
        {"kind": "dens", "units": 3},
        {"kind": "dense", "units": "3"},
        {"kind": "residual", "layers": [{"kind": "dropout", "rat": 0.5}, 7]},
        {"kind": "repeat", "layers": [{"kind": "flatten"}], "times": 1e9},
        {"kind": "activation", "function": "leaky_relu", "slop": 1},
        {"kind": "dense", "units": 3, "activation": {"function": "leaky_relu", "slop": 1}},
        {"kind": "dropout"},
    ]
    assert read_error({"kind": "network", "layers": layers}).splitlines() == [
        "network.layers[0].kind: unknown layer 'dens'. Did you mean 'dense'?",
        "network.layers[1].units: got '3'; expected a whole number of at least 1.",
        "network.layers[2].layers[0]: unknown field 'rat'. Did you mean 'rate'?",
        "network.layers[2].layers[0]: dropout got no field; expected 'rate'. Add what is missing.",
        "network.layers[2].layers[1]: got 7; expected a layer: a mapping with a 'kind'.",
        "network.layers[3].times: got 1000000000.0; expected a whole number of at least 1 and at "
        "most 10,000.",
        "network.layers[4]: unknown field 'slop'. Did you mean 'slope'?",
        "network.layers[5].activation: got {'function': 'leaky_relu', 'slop': 1}; expected an "
        "activation or its name, such as 'relu', or None. activation leaky_relu: unknown "
        "parameter 'slop'. Did you mean 'slope'?",
        "network.layers[6]: dropout got no field; expected 'rate'. Add what is missing.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "network: not valid JSON: Expecting property name"),
        ("[]", "network: got list; expected a mapping with a 'kind'"),
        ('{"kind": "dense", "units": 3}', "network.kind: got 'dense'; expected 'network'"),
        ('{"kind": "network", "layers": []}', "network.layers: got (); expected one or more"),
        ('{"kind": "network", "layers": 3}', "network.layers: got (3,); expected one or more"),
        ('{"kind": ["network"]}', "network: got"),
        ('{"format": "1", "kind": "network"}', "network.format: got '1'; expected a whole number"),
        ('{"kind": "network", "a": NaN}', "network: got NaN; expected finite numbers only."),
        ('{"kind": "a", "kind": "b"}', "network: 'kind' stands twice in one mapping"),
        ("[" * 100_000, "network: nested too deep; expected at most 64 layers"),
        ('{"a": ' + "9" * 5_000 + "}", "network: not valid JSON"),
        (" " * (2**24 + 1), "network: 16,777,217 characters of JSON; expected at most"),
    ],
)
def test_text_that_is_no_network_is_refused(text, message):
    assert read_error(text).startswith(message)


def test_layers_nested_too_deep_are_refused():
    inside = {"kind": "flatten"}
    for _ in range(80):
        inside = {"kind": "residual", "layers": [inside]}
    message = read_error({"kind": "network", "layers": [inside]})
    assert message.endswith("expected at most 20,000 layers, nested at most 64 deep.")


def test_a_few_bytes_that_ask_for_a_hundred_million_layers_are_refused_in_a_second(seconds):
    inside = Repeat(Repeat(Dense(3), times=10_000), times=10_000)
    network = Network.from_json(Network(inside).to_json())
    with pytest.raises(NetworkError, match="a network may hold 20,000 layers"):
        network.describe(input=3)
    assert seconds() < 1


def test_a_newer_format_is_refused_as_newer():
    with pytest.raises(FormatError) as caught:
        Network.from_json('{"format": 2, "kind": "network"}')
    assert str(caught.value) == (
        "network: format 2 is newer than this Ranvier reads (1). Update Ranvier to read it."
    )


def test_without_an_input_shape_the_network_asks_for_one_or_knows_it():
    assert Network(
        TableFeatures(numeric=2, cardinalities=(5,)), Dense(1)
    ).describe().input_shape == (3,)
    with pytest.raises(NetworkError) as caught:
        Network(Dense(1)).describe()
    assert str(caught.value).startswith("input: no shape was given and the first layer fits many;")


def test_a_thousand_layers_are_built_described_and_drawn_in_under_a_second(seconds):
    network = Network(*(Dense(64 + i % 3, activation="relu") for i in range(1_000)))
    text = str(network.describe(input=64))
    drawing = network.draw(input=64)
    assert seconds() < 1
    assert text.count("dense_") >= 1_000
    assert "× 333" in drawing
