"""What activations say of themselves, and how they answer what they cannot be."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest

from ranvier.core.errors import NetworkError, ShapeError, UnknownNameError
from ranvier.spec import (
    ACTIVATIONS,
    GEGLU,
    GLU,
    LAYERS,
    Activation,
    Dense,
    Initializer,
    Maxout,
    Network,
    PReLU,
    ReGLU,
    RReLU,
    SwiGLU,
    trace,
)
from ranvier.spec.activation_functions import LAYERS_INSTEAD, OTHER_SPELLINGS
from ranvier.spec.parameters import defaults


@pytest.mark.parametrize("name", LAYERS_INSTEAD)
def test_the_name_of_what_is_a_layer_is_answered_with_the_layer_to_write(name):
    why, layer = LAYERS_INSTEAD[name]
    with pytest.raises(NetworkError) as caught:
        Dense(4, activation=name, name="hidden")
    assert str(caught.value) == (
        f"hidden.activation: got {name!r}; expected an activation or its name, such as 'relu', or "
        f"None. {name!r} {why}, so it is a layer of its own: leave the activation out here and "
        f"put {layer} after this layer."
    )
    # And what is to be written exists.
    assert LAYERS[name].__name__ == layer.partition("(")[0]


def test_a_file_that_names_such_an_activation_is_answered_with_its_path():
    text = '{"kind": "network", "layers": [{"kind": "dense", "units": 3, "activation": "prelu"}]}'
    with pytest.raises(
        NetworkError, match=r"^network\.layers\[0\]\.activation: got 'prelu'.*PReLU"
    ):
        Network.from_json(text)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [(spelling, name) for name, spellings in OTHER_SPELLINGS.items() for spelling in spellings],
)
def test_a_name_that_others_use_is_answered_with_ours(spelling, name):
    with pytest.raises(UnknownNameError) as caught:
        Activation(spelling)
    assert str(caught.value) == f"unknown activation {spelling!r}. Here it is called {name!r}."


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        (
            "celu",
            {"alpha": 0},
            "activation celu.alpha: got 0; expected a number above 0.",
        ),
        (
            "soft_shrink",
            {"threshold": -0.1},
            "activation soft_shrink.threshold: got -0.1; expected a number of at least 0.",
        ),
        (
            "hard_tanh",
            {"low": 2, "high": -2},
            "activation hard_tanh: got low 2 and high -2; expected low not above high.",
        ),
        (
            "leaky_relu",
            {"slope": "steep", "negative_slope": 0.1},
            "activation leaky_relu.slope: got 'steep'; expected a finite number.\n"
            "activation leaky_relu: unknown parameter 'negative_slope'. Known: 'slope'.",
        ),
        (
            "gelu",
            {"approximate": True},
            "activation gelu: unknown parameter 'approximate'. It takes none.",
        ),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(function, parameters, message):
    with pytest.raises(NetworkError) as caught:
        Activation(function, **parameters)
    assert str(caught.value) == message


@pytest.mark.parametrize("function", [name for name in ACTIVATIONS if ACTIVATIONS[name].options])
def test_parameters_survive_json_inside_a_layer_and_alone(function):
    changed = {
        name: value * 1.5 + 0.25 for name, value in defaults(ACTIVATIONS[function].options).items()
    }
    described = Activation(function, **changed)
    network = Network(Dense(3, activation=described), described)
    again = Network.from_json(network.to_json())
    assert again == network
    assert dict(again.layers[0].activation.values) == changed
    assert again.layers[1].bounds == described.bounds


@pytest.mark.parametrize(
    ("described", "bounds"),
    [
        (Activation("elu", alpha=0.5), (-0.5, math.inf)),
        (Activation("celu", alpha=2), (-2, math.inf)),
        (Activation("leaky_relu"), (-math.inf, math.inf)),
        (Activation("leaky_relu", slope=0), (0, math.inf)),
        (Activation("leaky_relu", slope=-1), (0, math.inf)),
        (Activation("hard_tanh", low=0, high=6), (0, 6)),
        (Activation("threshold", threshold=3, value=1), (1, math.inf)),
        (Activation("threshold", threshold=1, value=3), (1, math.inf)),
    ],
    ids=repr,
)
def test_bounds_follow_the_parameters(described, bounds):
    assert described.bounds == bounds


@pytest.mark.parametrize(
    ("layer", "equation"),
    [
        (
            Activation("elu", alpha=0.5),
            "a⁽¹⁾ = z if z > 0, else alpha · (eᶻ − 1), z = a⁽⁰⁾, alpha = 0.5",
        ),
        (PReLU(), "a⁽¹⁾ = max(0, a⁽⁰⁾) + w⁽¹⁾ ⊙ min(0, a⁽⁰⁾)"),
        (PReLU(shared=True), "a⁽¹⁾ = max(0, a⁽⁰⁾) + w⁽¹⁾ · min(0, a⁽⁰⁾)"),
        (RReLU(), "a⁽¹⁾ = max(0, a⁽⁰⁾) + s⁽¹⁾ ⊙ min(0, a⁽⁰⁾), s⁽¹⁾ ~ U(0.125, 0.3333)"),
        (GLU(), "a⁽¹⁾ = u ⊙ sigmoid(v), [u; v] = a⁽⁰⁾"),
        (SwiGLU(), "a⁽¹⁾ = u ⊙ silu(v), [u; v] = a⁽⁰⁾"),
        (Maxout(3), "a⁽¹⁾ᵢ = max of the 3 numbers of group i of a⁽⁰⁾"),
    ],
    ids=lambda value: repr(value) if not isinstance(value, str) else "",
)
def test_the_equation_is_what_the_layer_computes(layer, equation):
    assert trace(layer, (6,)).equation == equation


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Network(Dense(7), SwiGLU()),
            (3,),
            "swiglu_1: SwiGLU got an input of shape (7,); expected a number of features that 2 "
            "divides. Let the layer before it give 8 features.",
        ),
        (
            Network(Maxout(4)),
            (5, 3),
            "maxout_0: Maxout got an input of shape (5, 3); expected a number of features that 4 "
            "divides. Let the layer before it give 4 features.",
        ),
    ],
)
def test_features_that_do_not_divide_are_refused_with_a_number_that_does(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


@pytest.mark.parametrize("layer", [PReLU(), Activation("softmax"), Activation("sparsemax")])
def test_what_needs_features_refuses_a_lone_number(layer):
    with pytest.raises(ShapeError, match="expected at least one axis, the features last"):
        trace(layer, ())


def test_what_needs_none_takes_a_lone_number():
    assert trace(PReLU(shared=True), ()).output == ()
    assert trace(Activation("tanh"), ()).output == ()


def test_slopes_that_fall_are_refused():
    with pytest.raises(NetworkError) as caught:
        RReLU(lower=0.5, upper=0.25, name="noisy")
    assert (
        str(caught.value) == "noisy.lower: got 0.5 with upper 0.25; expected lower not above upper."
    )


@pytest.mark.parametrize("after", [Activation("gelu"), PReLU(), RReLU()], ids=repr)
def test_a_dense_layer_starts_as_suits_the_rectifier_that_follows(after):
    node = trace(Network(Dense(4), after), (3,))
    assert node.children[0].parameters["weight"].initializer == Initializer("he_uniform")


def test_every_activation_is_named_in_the_drawing_and_the_table():
    layers = [*map(Activation, ACTIVATIONS), PReLU(), RReLU(), GLU(), SwiGLU()]
    layers += [GEGLU(), ReGLU(), Maxout(2)]
    network = Network(*layers)
    drawing = network.draw(input=64)
    table = str(network.describe(input=64))
    ElementTree.fromstring(drawing)
    for layer in layers:
        assert layer.label() in drawing
        assert layer.kind in table
    assert Maxout(2).label() == "Maxout 2" and PReLU().label() == "PReLU"
