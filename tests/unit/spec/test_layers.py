"""What layers say of themselves, and how they refuse what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.core.errors import NetworkError, ShapeError, UnknownNameError
from ranvier.spec import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYERS,
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Initializer,
    LayerNorm,
    Network,
    Parallel,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    Repeat,
    Residual,
    TableFeatures,
    trace,
)


def refused(make) -> str:
    with pytest.raises(NetworkError) as caught:
        make()
    return str(caught.value)


def test_every_wrong_field_of_a_layer_is_reported_at_once():
    assert refused(lambda: Dense("64", bias=1, activation="rleu", name="head")).splitlines() == [
        "head.units: got '64'; expected a whole number of at least 1.",
        "head.activation: got 'rleu'; expected an activation or its name, such as 'relu', or None."
        " unknown activation 'rleu'. Did you mean 'relu'?",
        "head.bias: got 1; expected true or false.",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense.units: got 0; expected a whole number of at least 1."),
        (lambda: Dense(True), "Dense.units: got True; expected a whole number of at least 1."),
        (lambda: Dropout(1), "Dropout.rate: got 1; expected a number from 0 up to, but not, 1."),
        (
            lambda: BatchNorm(momentum=0),
            "BatchNorm.momentum: got 0; expected a number above 0 and at most 1.",
        ),
        (
            lambda: LayerNorm(epsilon=float("nan")),
            "LayerNorm.epsilon: got nan; expected a number above 0.",
        ),
        (
            lambda: Embedding(10, 2.5),
            "Embedding.units: got 2.5; expected a whole number of at least 1.",
        ),
        (
            lambda: Dense(3, name="a.b"),
            "a.b.name: got 'a.b'; expected letters, digits and underscores, no digit first "
            "(at most 64).",
        ),
        (
            lambda: Repeat(Dense(3), times=0),
            "Repeat.times: got 0; expected a whole number of at least 1 and at most 10,000.",
        ),
        (
            lambda: Parallel(Dense(3), join="concta"),
            "Parallel.join: got 'concta'; expected one of 'concat', 'sum', 'average', "
            "'multiply', 'maximum', 'minimum', 'dot', or None. "
            "Did you mean 'concat'?",
        ),
        (
            lambda: TableFeatures(numeric=1, cardinalities=(), numbers="perodic"),
            "TableFeatures.numbers: got 'perodic'; expected 'periodic', a layer for the numbers, "
            "or None. Did you mean 'periodic'?",
        ),
        (
            lambda: TableFeatures(numeric=0, cardinalities=()),
            "TableFeatures: got no column at all; expected numeric columns, cardinalities of "
            "category columns, or both.",
        ),
        (
            lambda: PiecewiseEmbedding(((0, 0),), 4),
            "PiecewiseEmbedding.edges: got ((0, 0),); expected per column its bins' edges, two or "
            "more and rising. Edges must rise, two or more per column.",
        ),
        (
            lambda: Network(Dense(3), "dense"),
            "Network.layers: got (Dense(3), 'dense'); expected one or more layers, such as "
            "Dense(64). Number 2 is 'dense'; give a layer, such as Dense(64).",
        ),
        (
            lambda: Network(),
            "Network.layers: got (); expected one or more layers, such as Dense(64).",
        ),
        (
            lambda: Activation("leaky_relu", slop=0.1),
            "activation leaky_relu: unknown parameter 'slop'. Did you mean 'slope'?",
        ),
        (
            lambda: Initializer("normal", std=-1),
            "initializer normal.std: got -1; expected a number of at least 0.",
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(make, message):
    assert refused(make) == message


@pytest.mark.parametrize(
    ("registry", "name", "message"),
    [
        (LAYERS, "dens", "unknown layer 'dens'. Did you mean 'dense'?"),
        (LAYERS, "linear", "unknown layer 'linear'. Here it is called 'dense'."),
        (ACTIVATIONS, "swish", "unknown activation 'swish'. Here it is called 'silu'."),
        (
            INITIALIZERS,
            "xavier_uniform",
            "unknown initializer 'xavier_uniform'. Here it is called 'glorot_uniform'.",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_or_with_ours(registry, name, message):
    with pytest.raises(UnknownNameError) as caught:
        registry[name]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Dense(64, activation="relu", name="a"), "Dense(64, activation='relu', name='a')"),
        (
            Dense(3, activation=Activation("leaky_relu", slope=0.2), initializer="he_normal"),
            "Dense(3, activation=Activation('leaky_relu', slope=0.2), initializer='he_normal')",
        ),
        (BatchNorm(momentum=0.3), "BatchNorm(momentum=0.3)"),
        (
            Repeat(Dense(3), Flatten(), times=2, name="b"),
            "Repeat(Dense(3), Flatten(), name='b', times=2)",
        ),
        (
            Parallel(Dense(3), [Dense(4), Flatten()], join="sum"),
            "Parallel(Dense(3), Sequence(Dense(4), Flatten()), join='sum')",
        ),
        (Network(Residual(Dropout(0.5))), "Network(Residual(Dropout(0.5)))"),
        (
            TableFeatures(numeric=2, cardinalities=(3,), numbers=PeriodicEmbedding(units=3)),
            "TableFeatures(numeric=2, cardinalities=(3,), numbers=PeriodicEmbedding(units=3))",
        ),
    ],
)
def test_a_layer_prints_as_the_code_that_makes_it(layer, text):
    assert repr(layer) == text


def test_a_width_that_numpy_drew_is_kept_as_a_plain_number():
    layer = Dense(np.int64(8))
    assert type(layer.units) is int
    assert layer == Dense(8)


def test_layers_are_equal_by_value_and_cannot_be_changed():
    assert Dense(3, activation="relu") == Dense(3, activation=Activation("relu"))
    assert Dense(3, activation=Activation("relu", name="a")) == Dense(3, activation="relu")
    assert len({Dense(3), Dense(3), Dense(4)}) == 2
    assert Residual(Dense(3)) != Network(Dense(3))
    with pytest.raises(AttributeError):
        Dense(3).units = 4


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("relu", "he_uniform"),
        ("gelu", "he_uniform"),
        ("tanh", "glorot_uniform"),
        ("sigmoid", "glorot_uniform"),
        (None, "glorot_uniform"),
        ("selu", "lecun_normal"),
    ],
)
def test_weights_start_as_suits_the_activation(activation, initializer):
    weight = trace(Dense(4, activation=activation), (3,)).parameters["weight"]
    assert weight.initializer == Initializer(initializer)
    assert (weight.fan_in, weight.fan_out) == (3, 4)


def test_a_dense_layer_looks_past_normalisation_to_the_activation_that_comes_next():
    network = Network(
        Dense(4),
        BatchNorm(),
        Dropout(0.1),
        Activation("relu"),
        Dense(4),
        Dense(4, initializer="ones"),
        Activation("relu"),
    )
    starts = [
        child.parameters["weight"].initializer.function
        for child in trace(network, (4,)).children
        if child.layer.kind == "dense"
    ]
    assert starts == ["he_uniform", "glorot_uniform", "ones"]


def test_equations_are_the_textbook_s():
    assert Dense(3).equation() == "a⁽ˡ⁾ = W⁽ˡ⁾ a⁽ˡ⁻¹⁾ + b⁽ˡ⁾"
    assert Dense(3, activation="relu").equation() == "z⁽ˡ⁾ = W⁽ˡ⁾ a⁽ˡ⁻¹⁾ + b⁽ˡ⁾, a⁽ˡ⁾ = relu(z⁽ˡ⁾)"
    assert Dense(3, bias=False).equation("⁽²⁾", "⁽¹⁾") == "a⁽²⁾ = W⁽²⁾ a⁽¹⁾"
    node = trace(Network(Dense(3), Residual(Dropout(0.5), Dense(3))), (3,))
    assert node.children[1].equation == "a⁽⁴⁾ = a⁽¹⁾ + a⁽³⁾"


def test_flops_count_a_multiply_add_as_two():
    assert Dense(4).flops((3,)) == 4 * (2 * 3 + 1)
    assert Dense(4, activation="relu", bias=False).flops((5, 3)) == 5 * 4 * (2 * 3 + 1)
    network = Network(Repeat(Dense(3), times=4))
    assert network.describe(input=3).flops == 4 * Dense(3).flops((3,))


@pytest.mark.parametrize(
    ("cardinality", "rule", "units"),
    [(12, 8, 8), (12, 5, 5), (100, "fastai", 21), (10**6, "fastai", 600)],
)
def test_the_width_of_an_embedded_column_follows_the_rule(cardinality, rule, units):
    table = TableFeatures(numeric=0, cardinalities=(cardinality,), embedding=rule)
    assert table.output_shape(1) == (units,)


def test_small_columns_are_one_hot_and_missing_has_no_column():
    table = TableFeatures(numeric=0, cardinalities=(2, 3, 4, 9), one_hot_up_to=8)
    assert table.output_shape(4) == (1 + 1 + 3 + 8,)


def test_five_shape_errors_in_one_network_are_reported_at_once():
    network = Network(
        TableFeatures(numeric=3, cardinalities=(4,)),
        Residual(Dense(5)),
        Network(Parallel(Dense(2), Dense(3), join="sum"), Residual(Dense(7)), name="middle"),
        PiecewiseEmbedding(((0, 1), (0, 1), (0, 1)), 2, name="bins"),
        Dense(1),
    )
    with pytest.raises(ShapeError) as caught:
        network.describe(input=9)
    assert str(caught.value).splitlines() == [
        "table_features_0: TableFeatures got an input of shape (9,); expected (4,): 3 numeric "
        "columns and 1 of categories. Describe the table that comes: numeric=… and a cardinality "
        "per category column.",
        "residual_1: Residual got (6,) and its layers made it (5,); expected (6,) again, to be "
        "added to what came in. Let the last layer inside give 6 features, or change the width in "
        "a layer before this one.",
        "middle.parallel_0: Parallel has branches that give (2,), (3,); expected one shape from "
        "all branches. Let every branch end in the same shape, or join them with 'concat' instead "
        "of 'sum'.",
        "middle.residual_1: Residual got (2,) and its layers made it (7,); expected (2,) again, "
        "to be added to what came in. Let the last layer inside give 2 features, or change the "
        "width in a layer before this one.",
        "bins: PiecewiseEmbedding got an input of shape (2,); expected (3,): a number per column. "
        "Give it the numeric columns of a table, each with its own place.",
    ]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Parallel(Dense(2), Flatten()),
            (4, 3),
            "network: Parallel has branches that give (4, 2), (12,); expected shapes that differ "
            "in the features alone. Let every branch end in the same shape.",
        ),
        (
            PeriodicEmbedding(),
            (4, 3),
            "network: PeriodicEmbedding got an input of shape (4, 3); expected (columns,): a "
            "number per column. Give it the numeric columns of a table, each with its own place.",
        ),
        (
            Network(Dense(3, name="a"), Dense(3, name="a")),
            (3,),
            "a: two layers here are named 'a'. Give one of them another name.",
        ),
        (
            Dense(3),
            (0,),
            "input: got (0,); expected positive whole numbers without the batch axis, such as 16 "
            "or (28, 28, 1).",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_its_path(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm(), LayerNorm()], ids=repr)
def test_a_layer_that_needs_features_refuses_a_lone_number(layer):
    with pytest.raises(ShapeError, match="expected at least one axis, the features last"):
        trace(layer, ())


def test_a_network_knows_the_members_that_a_layer_inside_makes():
    class Twins(Dense, kind="twins_of_a_test"):
        def members_after(self, members):
            return 2

    try:
        assert Network(Dense(3), Residual(Twins(3)), Dense(1)).members == 2
        assert Network(Dense(3)).members is None
    finally:
        LAYERS._members.pop("twins_of_a_test")


def test_a_layer_of_two_inputs_is_laid_out_by_the_same_walk():
    class Looks(Dense, kind="looks_of_a_test"):
        most_inputs = 2

        def infer(self, query, memory):
            return (*query[:-1], memory[-1])

        def parameters(self, query, memory):
            return {}

        def flops(self, query, memory):
            return 2 * query[0] * memory[0] * memory[1]

        def equation(self, here="⁽ˡ⁾", *sources):
            return f"a{here} = softmax(a{sources[0]} a{sources[1]}ᵀ) a{sources[1]}"

    try:
        node = trace(Network(Looks(1), Dense(3)), (5, 4), (7, 4))
    finally:
        LAYERS._members.pop("looks_of_a_test")
    assert node.output == (5, 3)
    assert node.children[0].equation == "a⁽¹⁾ = softmax(a⁽⁰ᵃ⁾ a⁽⁰ᵇ⁾ᵀ) a⁽⁰ᵇ⁾"
