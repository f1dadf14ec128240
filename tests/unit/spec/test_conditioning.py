"""Layers that architectures are made of: refusals, equations, how they start."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.spec import (
    AdaptiveNorm,
    AdaptiveScale,
    BatchNorm,
    Dense,
    Embedding,
    GaussianSample,
    GridPositions,
    LayerScale,
    Network,
    PadFeatures,
    SinusoidalEmbedding,
    Take,
    TransformerEncoder,
    trace,
)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            AdaptiveNorm(),
            [(5, 4)],
            "network: AdaptiveNorm got an input of shape (5, 4); expected features [..., features] "
            "and a condition [numbers], one vector per sample. Name the condition with "
            "condition=, such as an embedding's name.",
        ),
        (
            AdaptiveScale(),
            [(5, 4), (5, 3)],
            "network: AdaptiveScale got an input of shape (5, 4) and (5, 3); expected features "
            "[..., features] and a condition [numbers], one vector per sample. Name the condition "
            "with condition=, such as an embedding's name.",
        ),
        (
            GridPositions(4),
            [(6, 8)],
            "network: GridPositions got an input of shape (6, 8); expected a sequence [places, "
            "features]: rows of 4 places, features a multiple of 4. Give it the patches of a "
            "picture, or another number of columns.",
        ),
        (
            GaussianSample(),
            [(7,)],
            "network: GaussianSample got an input of shape (7,); expected an even number of "
            "features: as many means as log-variances. Let the layer before it give 8 features.",
        ),
        (
            LayerScale(),
            [()],
            "network: LayerScale got an input of shape (); expected at least one axis, the "
            "features last. Put it after a layer that gives features.",
        ),
        (
            PadFeatures(1),
            [()],
            "network: PadFeatures got an input of shape (); expected at least one axis, the "
            "features last. Put it after a layer that gives features.",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list | str) else "",
)
def test_a_shape_that_does_not_fit_is_refused_with_what_to_do(layer, shapes, message):
    with pytest.raises(ShapeError) as refused:
        trace(layer, *shapes)
    assert str(refused.value) == message


def test_an_odd_number_of_waves_is_refused():
    with pytest.raises(NetworkError) as refused:
        SinusoidalEmbedding(7)
    assert str(refused.value) == (
        "SinusoidalEmbedding.units: got 7; expected an even number, as waves come in pairs. Give 8."
    )


def test_a_condition_is_taken_by_name():
    network = Network(
        Take("label"),
        Embedding(3, 5, name="condition"),
        Take("picture"),
        AdaptiveNorm(condition="condition"),
        AdaptiveScale(condition="condition"),
        inputs=("picture", "label"),
    )
    description = network.describe(input={"picture": (6, 4), "label": ()})
    assert description.output_shape == (6, 4)
    assert description.parameters == 3 * 5 + (5 + 1) * 8 + (5 + 1) * 4
    equations = [row.equation for row in description.rows if row.equation]
    assert equations[1:] == [
        "a⁽²⁾ = (1 + s) ⊙ (a⁽⁰ᵃ⁾ − mean) / √(var + ε) + t, [t; s] = W⁽²⁾ a⁽¹⁾ + b⁽²⁾",
        "a⁽³⁾ = (W⁽³⁾ a⁽¹⁾ + b⁽³⁾) ⊙ a⁽²⁾",
    ]


def test_the_scale_of_a_norm_starts_as_told_and_says_so():
    plain, zero = BatchNorm(), BatchNorm(initializer="zeros")
    assert plain.parameters((4,))["weight"].initializer.function == "ones"
    assert zero.parameters((4,))["weight"].initializer.function == "zeros"
    assert zero.parameters((4,))["bias"].initializer.function == "zeros"
    assert plain.initialisation() == ""
    assert zero.initialisation() == "zeros: w = 0"


@pytest.mark.parametrize("feed_forward", ["gelu", "swiglu"])
def test_all_linear_maps_of_a_transformer_block_start_as_its_initializer_says(feed_forward):
    block = TransformerEncoder(2, initializer="orthogonal", feed_forward=feed_forward)
    starts = {
        node.parameters["weight"].initializer.function
        for node in trace(block, (5, 4)).walk()
        if isinstance(node.layer, Dense)
    }
    assert starts == {"orthogonal"}
