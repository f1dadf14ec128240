"""Files of networks from unknown hands: read as what they say, or refused in words of ours."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier.core.errors import RanvierError
from ranvier.spec import FeedForward, Network, PReLU
from tests.laws.examples import EXAMPLES

VALUES = [
    None, True, 0, 1, -1, 3, 7, 1.5, -0.5, 1e30, 10**12, "", "a", "relu", "mean", "same", [], [1],
    [1, 2], [[1, 2], [3]], ["a"], [0.5, 0.1], {}, {"kind": "dense", "units": 3}, {"kind": "x"},
    {"function": "relu"}, [{"kind": "dense", "units": 2}],
]  # fmt: skip
FURTHER = ["name", "mask", "initializer", "axis", "activation"]


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in members:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def with_one_value_replaced(document: Any, draw: random.Random) -> Any:
    changed = json.loads(json.dumps(document))
    *way, last = draw.choice(list(places(document)))
    holder = changed
    for key in way:
        holder = holder[key]
    if isinstance(holder, dict) and draw.random() < 0.15:
        last = draw.choice(FURTHER)
    holder[last] = draw.choice(VALUES)
    return changed


@pytest.mark.parametrize("position", range(len(EXAMPLES)), ids=lambda i: str(EXAMPLES[i]))
def test_a_file_with_one_value_replaced_is_a_network_or_a_refusal_of_ours(position):
    example, draw = EXAMPLES[position], random.Random(position)
    document = json.loads(Network(example.layer).to_json())
    for _ in range(5):
        text = json.dumps(with_one_value_replaced(document, draw))
        try:
            network = Network.from_json(text)
            assert Network.from_json(network.to_json()) == network, text
            network.draw(input=list(example.shapes))
        except RanvierError:
            continue


def test_a_field_that_is_said_to_be_none_stays_so():
    for layer in (FeedForward(8, activation=None), PReLU(initializer=None)):
        (again,) = Network.from_json(Network(layer).to_json()).layers
        assert again == layer
