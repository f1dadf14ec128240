"""Changes of the network: its activations, how its weights start, what stands between layers."""

from __future__ import annotations

from ranvier.diagnose.cures.cure import Case, Changed, cure
from ranvier.diagnose.cures.networks import (
    MAPS,
    Plain,
    from_plain,
    function_of,
    hidden_ends,
    inserted,
    layers,
    plain,
    rewritten,
    takes_initializer,
    with_function,
    without_function,
)

SQUASHING = frozenset({"sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign", "log_sigmoid"})
NORMALISING = ("batch_norm", "layer_norm", "rms_norm", "group_norm", "instance_norm")
WITH_WEIGHTS = (*MAPS, "lstm", "gru", "simple_rnn", "multi_head_attention", "transformer_encoder")


@cure()
def relu(case: Case) -> Changed | None:
    """Puts ReLU in the place of sigmoid and tanh between layers, with weights that start as suits
    it: its slope is 1 or 0, so gradients do not shrink on their way.
    """
    return _hidden(case, SQUASHING, "relu")


@cure()
def leaky_relu(case: Case) -> Changed | None:
    """Puts leaky ReLU in the place of ReLU between layers: a unit that is below 0 for every row
    still has a slope there, and comes back.
    """
    return _hidden(case, frozenset({"relu", "relu6"}), "leaky_relu")


def _hidden(case: Case, functions: frozenset[str], function: str) -> Changed | None:
    document = plain(case.network)
    row: list[Plain] = document["layers"]
    places = [p for p in hidden_ends(row) if function_of(row[p]) in functions]
    if not places:
        return None
    for place in places:
        row[place] = with_function(row[place], function)
    # An initialiser that was chosen for the old function does not suit the new one.
    return case.settings, _as_usual(from_plain(document))


@cure(stands_out=True)
def initialise(case: Case) -> Changed | None:
    """Lets all weights start as suits the activation behind them: He for ReLU, Glorot for tanh."""
    if not any(takes_initializer(layer) for layer in layers(plain(case.network))):
        return None
    return case.settings, _as_usual(case.network)


def _as_usual(network):  # type: ignore[no-untyped-def]
    def change(layer: Plain) -> Plain:
        if not takes_initializer(layer):
            return layer
        own = ("initializer", "recurrent_initializer")
        return {name: value for name, value in layer.items() if name not in own}

    return rewritten(network, change)


@cure()
def normalise(case: Case) -> Changed | None:
    """Normalises over the batch before every hidden activation: signals keep their size from layer
    to layer, whatever the weights.
    """
    if _has(case, NORMALISING) or not hidden_ends(plain(case.network)["layers"]):
        return None
    return case.settings, inserted(case.network, {"kind": "batch_norm"}, after=False)


@cure()
def standardise(case: Case) -> Changed | None:
    """Normalises what the first layer with weights gets, feature by feature."""
    document = plain(case.network)
    row: list[Plain] = document["layers"]
    first = next((p for p, layer in enumerate(row) if layer["kind"] in WITH_WEIGHTS), None)
    if first is None or (first > 0 and row[first - 1]["kind"] in NORMALISING):
        return None
    row.insert(first, {"kind": "batch_norm"})
    return case.settings, from_plain(document)


@cure(stands_out=True)
def activation(case: Case) -> Changed | None:
    """Puts ReLU after hidden layers that have no activation: without one they are one map."""
    document = plain(case.network)
    row: list[Plain] = document["layers"]
    places = [p for p in hidden_ends(row) if function_of(row[p]) is None]
    if not places:
        return None
    for place in places:
        row[place] = with_function(row[place], "relu")
    return case.settings, from_plain(document)


@cure()
def residual(case: Case) -> Changed | None:
    """Adds what a hidden layer gets to what it gives, where both are as wide: a way around it."""
    document = plain(case.network)
    row: list[Plain] = document["layers"]
    wide = [p for p in range(1, len(row) - 1) if _is_as_wide(row[p - 1], row[p])]
    if not wide:
        return None
    for place in wide:
        row[place] = {"kind": "residual", "layers": [row[place]]}
    return case.settings, from_plain(document)


def _is_as_wide(before: Plain, layer: Plain) -> bool:
    return before["kind"] == layer["kind"] == "dense" and before["units"] == layer["units"]


@cure(stands_out=True)
def linear_head(case: Case) -> Changed | None:
    """Takes the activation of the last layer away, so that it can give any number."""
    document = plain(case.network)
    row: list[Plain] = document["layers"]
    if not row or function_of(row[-1]) is None:
        return None
    bare = without_function(row[-1])
    row[-1:] = [] if bare is None else [bare]
    return (case.settings, from_plain(document)) if row else None


@cure(stands_out=True)
def logits(case: Case) -> Changed | None:
    """Takes the softmax or sigmoid of the last layer away: the loss applies it itself."""
    return linear_head(case)


@cure(stands_out=True)
def sigmoid_head(case: Case) -> Changed | None:
    """Gives one logit to a loss that applies the sigmoid itself, in place of a softmax over one."""
    return linear_head(case)


def _has(case: Case, kinds: tuple[str, ...]) -> bool:
    return any(layer["kind"] in kinds for layer in layers(plain(case.network)))
