"""Networks rewritten through their plain form: what cures of a network are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ranvier.spec import Network
from ranvier.spec.layer import LAYERS

Plain = dict[str, Any]
# Keys under which a layer's plain form holds other layers.
_ROWS, _INSIDE = ("layers", "branches"), ("layer",)
# What has weights, maps features to features and ends in an activation of its choice.
MAPS = frozenset(
    {
        "conv",
        "conv_transpose",
        "dense",
        "depthwise_conv",
        "einsum_dense",
        "member_dense",
        "separable_conv",
        "shared_dense",
    }
)


def plain(network: Network) -> Plain:
    """The network as JSON values."""
    document: Plain = json.loads(network.to_json())
    return document


def from_plain(document: Plain) -> Network:
    """The network that the JSON values say."""
    return Network.from_json(json.dumps(document))


def layers(document: Plain) -> Iterator[Plain]:
    """Every layer of the plain form, containers first, in the order in which they stand."""
    yield document
    for inner in _inside(document):
        yield from layers(inner)


def _inside(document: Plain) -> Iterator[Plain]:
    for key in _ROWS:
        value = document.get(key)
        if isinstance(value, list):
            yield from (each for each in value if isinstance(each, dict))
    for key in _INSIDE:
        if isinstance(document.get(key), dict):
            yield document[key]


def rewritten(network: Network, change: Callable[[Plain], Plain]) -> Network:
    """The network with every layer as `change` gives it back; containers after what they hold."""

    def walked(document: Plain) -> Plain:
        kept = dict(document)
        for key in _ROWS:
            if isinstance(kept.get(key), list):
                kept[key] = [walked(each) if isinstance(each, dict) else each for each in kept[key]]
        for key in _INSIDE:
            if isinstance(kept.get(key), dict):
                kept[key] = walked(kept[key])
        return change(kept)

    return from_plain(walked(plain(network)))


def function_of(layer: Plain) -> str | None:
    """The name of the function that the layer ends in, or is; None where it is linear."""
    held = layer.get("function") if layer["kind"] == "activation" else layer.get("activation")
    if isinstance(held, dict):
        held = held.get("function")
    return None if held in (None, "linear") else str(held)


def without_function(layer: Plain) -> Plain | None:
    """The layer without its activation; None if it was nothing else."""
    if layer["kind"] == "activation":
        return None
    return {name: value for name, value in layer.items() if name != "activation"}


def with_function(layer: Plain, function: str) -> Plain:
    """The layer with that activation in place of its own."""
    if layer["kind"] == "activation":
        return {"kind": "activation", "function": function}
    return {**layer, "activation": function}


def hidden_ends(row: list[Plain]) -> list[int]:
    """Where in a row hidden layers end: at each map's activation, its own or the next one.

    The last map of the row is the head's and has none.
    """
    maps = [place for place, layer in enumerate(row) if layer["kind"] in MAPS]
    ends = []
    for place, following in zip(maps, maps[1:], strict=False):
        own = [p for p in range(place, following) if function_of(row[p]) is not None]
        ends.append(own[0] if own else place)
    return ends


def inserted(network: Network, layer: Plain, *, after: bool) -> Network:
    """The network with `layer` at every hidden layer: after its activation, or else before it.

    Before an activation that is the map's own the two are taken apart.
    """
    document = plain(network)
    row: list[Plain] = document["layers"]
    for place in reversed(hidden_ends(row)):
        ending = row[place]
        if after or function_of(ending) is None:
            row.insert(place + 1, dict(layer))
        elif ending["kind"] == "activation":
            row.insert(place, dict(layer))
        else:
            bare = without_function(ending)
            assert bare is not None
            held = ending["activation"]
            function = held if isinstance(held, dict) else {"function": held}
            row[place : place + 1] = [bare, dict(layer), {"kind": "activation", **function}]
    return from_plain(document)


def dropouts(network: Network) -> list[float]:
    """The rates of all dropout in the network, of layers and inside of them."""
    found = []
    for layer in layers(plain(network)):
        name = "rate" if "drop" in layer["kind"] else "dropout"
        if isinstance(layer.get(name), float) and layer[name] > 0:
            found.append(layer[name])
    return found


def takes_initializer(layer: Plain) -> bool:
    """Whether the layer was told how its weights start."""
    names = ("initializer", "recurrent_initializer")
    return layer["kind"] in LAYERS and any(layer.get(name) is not None for name in names)
