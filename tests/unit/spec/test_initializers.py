"""How a start is described: names, parameters of every kind, words, JSON."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, UnknownNameError
from ranvier.spec import INITIALIZERS, Dense, Initializer, Network


@pytest.mark.parametrize(
    ("initializer", "meaning"),
    [
        (Initializer("variance_scaling"), "w ~ normal, mean 0, variance 1 / fan_in"),
        (
            Initializer("variance_scaling", scale=2, mode="fan_avg", distribution="uniform"),
            "w ~ uniform, mean 0, variance 2 / fan_avg",
        ),
        (Initializer("identity", gain=0.5), "W = 0.5 I"),
        (
            Initializer("sparse", sparsity=0.8),
            "w = 0 for 0.8 of each unit's inputs, else w ~ N(0, 0.01²)",
        ),
    ],
    ids=repr,
)
def test_the_meaning_says_the_parameters(initializer, meaning):
    assert initializer.meaning == meaning


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        (
            "variance_scaling",
            {"mode": "fan_inn", "distribution": 3, "scale": 0},
            "initializer variance_scaling.mode: got 'fan_inn'; expected one of 'fan_in', "
            "'fan_out', 'fan_avg'. Did you mean 'fan_in'?\n"
            "initializer variance_scaling.distribution: got 3; expected one of 'normal', "
            "'truncated_normal', 'uniform'. Known: 'normal', 'truncated_normal', 'uniform'.\n"
            "initializer variance_scaling.scale: got 0; expected a number above 0.",
        ),
        (
            "sparse",
            {"sparsity": 1.5},
            "initializer sparse.sparsity: got 1.5; expected a number from 0 to 1.",
        ),
        (
            "dirac",
            {"groups": 1.5},
            "initializer dirac.groups: got 1.5; expected a whole number of at least 1.",
        ),
        (
            "uniform",
            {"low": 1},
            "initializer uniform: got low 1 and high 0.05; expected low not above high.",
        ),
        ("zeros", {"gain": 2}, "initializer zeros: unknown parameter 'gain'. It takes none."),
    ],
)
def test_every_parameter_that_does_not_fit_is_refused_at_once(function, parameters, message):
    with pytest.raises(NetworkError) as caught:
        Initializer(function, **parameters)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("kaiming_normal", "he_normal"),
        ("xavier_uniform", "glorot_uniform"),
        ("random_normal", "normal"),
        ("trunc_normal", "truncated_normal"),
        ("eye", "identity"),
    ],
)
def test_a_name_that_others_use_is_answered_with_ours(spelling, name):
    with pytest.raises(UnknownNameError) as caught:
        Initializer(spelling)
    assert str(caught.value) == f"unknown initializer {spelling!r}. Here it is called {name!r}."


@pytest.mark.parametrize(
    "initializer",
    [
        *map(Initializer, INITIALIZERS),
        Initializer("variance_scaling", scale=0.5, mode="fan_out", distribution="uniform"),
        Initializer("dirac", groups=4),
        Initializer("sparse", sparsity=0.5, std=1),
    ],
    ids=repr,
)
def test_a_start_survives_json_with_its_parameters(initializer):
    network = Network(Dense(3, initializer=initializer))
    again = Network.from_json(network.to_json())
    assert again == network and hash(again) == hash(network)
    assert again.layers[0].initializer == initializer


def test_words_and_whole_numbers_stay_what_they_are():
    document = Initializer("variance_scaling", scale=2, mode="fan_out").to_document()
    assert document == {
        "function": "variance_scaling",
        "scale": 2.0,
        "mode": "fan_out",
        "distribution": "normal",
    }
    assert repr(Initializer("dirac", groups=2)) == "Initializer('dirac', groups=2)"
