"""Normalisation, dropout, noise and wrappers: what they say, and how they refuse what cannot be."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, ShapeError, UnknownNameError
from ranvier.spec import (
    LAYERS,
    Activation,
    ActivityPenalty,
    BatchNorm,
    Constrained,
    Dense,
    Dropout,
    FeatureAlphaDropout,
    Flatten,
    Frozen,
    GaussianDropout,
    GaussianNoise,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Network,
    Penalized,
    RMSNorm,
    SpectralNorm,
    UnitNorm,
    WeightNorm,
    trace,
)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            GroupNorm(4),
            (8, 6),
            "network: GroupNorm got an input of shape (8, 6); expected (..., features) with a "
            "multiple of 4 features, one share per group. Choose groups that divide the features, "
            "or other features.",
        ),
        (
            InstanceNorm(),
            (6,),
            "network: InstanceNorm got an input of shape (6,); expected (..., features) with at "
            "least one axis of places before the features. Use LayerNorm() for samples without "
            "places.",
        ),
        *(
            (
                kind(axes=3),
                (4, 6),
                f"network: {kind.__name__} got an input of shape (4, 6); expected at least 3 axes, "
                "which are normalised together. Give axes=… at most 2.",
            )
            for kind in (LayerNorm, RMSNorm, UnitNorm)
        ),
        *(
            (
                layer,
                (),
                f"network: {type(layer).__name__} got an input of shape (); expected at least one "
                "axis, the features last. Put it after a layer that gives features.",
            )
            for layer in (BatchNorm(), LayerNorm(), RMSNorm(), UnitNorm())
        ),
        (
            FeatureAlphaDropout(0.1),
            (),
            "network: FeatureAlphaDropout got an input of shape (); expected (..., features). "
            "Put it after a layer that gives features.",
        ),
        (
            Dropout(0.1, axes=(0, 2)),
            (4, 6),
            "network: Dropout got an input of shape (4, 6); expected an input with axis 2. "
            "Give axes from -2 to 1.",
        ),
        (
            WeightNorm(Flatten()),
            (4, 6),
            "network: WeightNorm has Flatten inside; expected a layer with a weight of 2 axes or more, "
            "not all zero. Wrap the layer that has the weight, such as a Dense.",
        ),
        (
            SpectralNorm(Dense(3, initializer="zeros")),
            (4,),
            "network: SpectralNorm has Dense inside, whose weight starts at zero; expected a layer with "
            "a weight of 2 axes or more, not all zero. Wrap the layer that has the weight, such as "
            "a Dense.",
        ),
        (
            Frozen(GroupNorm(4)),
            (6,),
            "layer: GroupNorm got an input of shape (6,); expected (..., features) with a multiple "
            "of 4 features, one share per group. Choose groups that divide the features, or other "
            "features.",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_its_path(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GaussianNoise(0),
            "GaussianNoise.std: got 0; expected a number above 0.",
        ),
        (
            lambda: GaussianDropout(1.0),
            "GaussianDropout.rate: got 1.0; expected a number from 0 up to, but not, 1.",
        ),
        (
            lambda: Dropout(0.1, axes="last"),
            "Dropout.axes: got 'last'; expected an axis or several, the batch not counted, such as "
            "-1, or None.",
        ),
        (
            lambda: Penalized(Dense(3), l2=-1),
            "Penalized.l2: got -1; expected a number of at least 0.",
        ),
        (
            lambda: Frozen("dense"),
            "Frozen.layer: got 'dense'; expected a layer, such as Dense(64).",
        ),
        (
            lambda: Constrained(Dense(3), "max_norm", limt=3),
            "constraint max_norm: unknown parameter 'limt'. Did you mean 'limit'?",
        ),
        (
            lambda: Constrained(Dense(3), "max_norm", limit=0),
            "constraint max_norm.limit: got 0; expected a number above 0.",
        ),
        (
            lambda: Constrained(Dense(3), "min_max_norm", low=2),
            "constraint min_max_norm: got low 2 and high 1; expected low not above high.",
        ),
        (
            lambda: Constrained(Dense(3), 3),
            "Constrained.constraint: got 3; expected the name of one, such as 'max_norm'.",
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spelling", "ours"),
    [
        ("batch_normalization", "batch_norm"),
        ("group_normalization", "group_norm"),
        ("rms_normalization", "rms_norm"),
        ("unit_normalization", "unit_norm"),
        ("spectral_normalization", "spectral_norm"),
        ("spatial_dropout", "dropout"),
        ("stochastic_depth", "drop_path"),
        ("activity_regularization", "activity_penalty"),
    ],
)
def test_what_it_is_called_elsewhere_is_answered_with_our_name(spelling, ours):
    with pytest.raises(UnknownNameError, match=f"Here it is called '{ours}'"):
        LAYERS[spelling]


def test_an_unknown_constraint_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        Constrained(Dense(3), "unit_nrm")
    assert str(caught.value) == "unknown constraint 'unit_nrm'. Did you mean 'unit_norm'?"


@pytest.mark.parametrize(
    ("layer", "equation"),
    [
        (LayerNorm(), "a⁽²⁾ = γ⁽²⁾ ⊙ (a⁽¹⁾ − mean) / √(var + ε) + β⁽²⁾"),
        (GroupNorm(2, affine=False), "a⁽²⁾ = (a⁽¹⁾ − mean_group) / √(var_group + ε)"),
        (RMSNorm(), "a⁽²⁾ = γ⁽²⁾ ⊙ a⁽¹⁾ / √(mean(a⁽¹⁾²) + ε)"),
        (UnitNorm(), "a⁽²⁾ = a⁽¹⁾ / max(‖a⁽¹⁾‖, ε)"),
        (GaussianNoise(0.5), "a⁽²⁾ = a⁽¹⁾ + n⁽²⁾, n⁽²⁾ ~ N(0, 0.5²)"),
        (GaussianDropout(0.2), "a⁽²⁾ = n⁽²⁾ ⊙ a⁽¹⁾, n⁽²⁾ ~ N(1, 0.25)"),
        (WeightNorm(Dense(2)), "a⁽²⁾ = a⁽¹⁾ with W = g v / ‖v‖"),
        (ActivityPenalty(l1=0.1), "a⁽²⁾ = a⁽¹⁾, R = 0.1 Σ|a⁽²⁾|"),
    ],
    ids=repr,
)
def test_equations_are_the_textbook_s(layer, equation):
    assert layer.equation("⁽²⁾", "⁽¹⁾") == equation


def test_a_wrapper_lays_out_the_layer_inside_and_adds_what_it_learns():
    node = trace(Network(WeightNorm(Dense(4), name="tall"), Frozen([Dense(3), Dense(2)])), (5,))
    assert node.output == (2,)
    assert node.children[0].num_parameters == 4 * 5 + 4 + 4
    assert node.children[0].parameters["weight_scale"].shape == (4, 1)
    assert [inner.path for inner in node.children[1].walk()][1:3] == [
        "frozen_1.layer",
        "frozen_1.layer.dense_0",
    ]


@pytest.mark.parametrize("wrap", [Frozen, Penalized, WeightNorm, SpectralNorm])
def test_the_layer_inside_a_wrapper_starts_as_suits_the_activation_that_comes_next(wrap):
    network = Network(wrap(Dense(4)), Activation("relu"))
    inside = trace(network, (5,)).children[0].children[0]
    assert inside.parameters["weight"].initializer.function == "he_uniform"


def test_a_wrapper_prints_as_the_code_that_makes_it():
    layer = Penalized([Dense(4), Dense(2)], l2=0.1, name="small")
    assert repr(layer) == "Penalized(Sequence(Dense(4), Dense(2)), l2=0.1, name='small')"
    constrained = Constrained(Dense(4), "unit_norm", name="unit")
    assert repr(constrained) == "Constrained(Dense(4), 'unit_norm', name='unit')"
