"""Weights as they start: symptoms 22, 23 and 29."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import (
    FACTS,
    HALFWAY,
    HEALTHY,
    LAYERS,
    PARAMETERS,
    STUCK,
    Training,
    found,
    is_silent,
    weight,
)


def starting(path: str, training: Training = STUCK, **changes: object) -> Training:
    """The parameter starts otherwise."""
    parameters = tuple(replace(p, **changes) if p.path == path else p for p in PARAMETERS)
    return training.knowing(parameters=parameters)


def test_equal_weights_of_a_hidden_layer_are_a_symmetric_start():
    finding = found(starting("2.weight", variance=0.0, is_symmetric=True), 22)
    assert (finding.severity, finding.category) == ("error", "initialisation")
    assert (finding.where, finding.cure) == ("2.weight", "initialise")
    assert finding.evidence == {"layers": 1, "of": 3, "zeros": 0}


def test_zeros_are_counted():
    assert (
        found(starting("2.weight", variance=0.0, mean=0.0, is_symmetric=None), 22).evidence["zeros"]
        == 1
    )


def test_weights_that_differ_at_all_or_get_gradients_that_differ_are_no_symmetric_start():
    assert is_silent(starting("2.weight", variance=1e-12, is_symmetric=True), 22)
    assert is_silent(starting("2.weight", variance=0.0, is_symmetric=False), 22)


def test_a_symmetric_start_that_was_overcome_is_a_warning():
    equal = starting("2.weight", HEALTHY, variance=0.0, is_symmetric=True)
    assert found(equal, 22).severity == "warning"


def test_zeros_in_the_last_layer_and_one_value_in_scales_are_known_starts():
    assert is_silent(starting("4.weight", variance=0.0, mean=0.0, is_symmetric=True), 22)
    scale = weight("norm.scale", (4, 4), 0.0, is_symmetric=True)
    assert is_silent(STUCK.knowing(parameters=(scale, *PARAMETERS)), 22)
    one_unit = weight("1.weight", (1, 4), 0.0, is_symmetric=True)
    assert is_silent(STUCK.knowing(parameters=(one_unit, *PARAMETERS)), 22)


# What keeps a signal's size: 2 / 4 in the first layer, behind a ReLU; 1 / 16 in the last.
@pytest.mark.parametrize(("path", "usual"), [("0.weight", 2 / 4), ("4.weight", 1 / 16)])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_variance_of_thirty_times_the_usual_or_a_thirtieth_is_a_warning(path, usual, direction):
    finding = found(starting(path, HEALTHY, variance=usual * 31.0**direction), 23)
    assert (finding.severity, finding.category) == ("warning", "initialisation")
    assert (finding.where, finding.cure) == (path, "initialise")
    assert finding.evidence["variance_over_usual"] == pytest.approx(31.0**direction)
    assert is_silent(starting(path, HEALTHY, variance=usual * 29.0**direction), 23)


def test_behind_tanh_the_usual_variance_is_that_of_glorot_and_bengio():
    layers = tuple(replace(each, activation="tanh") for each in LAYERS)
    tanh = HEALTHY.knowing(layers=layers)
    usual = 2 / (4 + 16)
    assert found(starting("0.weight", tanh, variance=31 * usual), 23)
    assert is_silent(starting("0.weight", tanh, variance=29 * usual), 23)


@pytest.mark.parametrize("direction", [1, -1])
def test_beyond_three_hundred_times_it_is_an_error_where_nothing_is_learnt(direction):
    assert found(starting("0.weight", variance=0.5 * 310.0**direction), 23).severity == "error"
    assert found(starting("0.weight", variance=0.5 * 290.0**direction), 23).severity == "warning"
    learnt = starting("0.weight", HEALTHY, variance=0.5 * 310.0**direction)
    assert found(learnt, 23).severity == "warning"


def test_a_bad_scale_is_an_error_where_fresh_weights_learn():
    finding = found(starting("0.weight", HALFWAY.tried(fresh=0.1), variance=0.5 * 31), 23)
    assert (finding.severity, finding.evidence["trial"]) == ("error", "fresh weights")
    unproven = starting("0.weight", HALFWAY.tried(fresh=0.45), variance=0.5 * 31)
    assert found(unproven, 23).severity == "warning"


def giving(stds: tuple[float, float], training: Training) -> Training:
    """What the two hidden layers of weights give spreads so much."""
    first, last = (replace(LAYERS[2 * k], std=std) for k, std in enumerate(stds))
    return training.knowing(layers=(first, last, LAYERS[-1]))


@pytest.mark.parametrize(
    ("beyond", "within"),
    [
        ((0.1, 0.0009), (0.1, 0.0011)),
        ((1100.0, 10.0), (990.0, 10.0)),
        ((100.0, 0.09), (100.0, 0.11)),
    ],
)
def test_signals_that_start_beyond_a_thousand_are_of_a_bad_scale(beyond, within):
    finding = found(giving(beyond, HALFWAY), 29)
    assert (finding.severity, finding.category) == ("warning", "initialisation")
    assert finding.evidence == {"least_std": min(beyond), "largest_std": max(beyond)}
    assert is_silent(giving(within, HALFWAY), 29)


def test_signals_of_a_bad_scale_matter_as_much_as_the_training_falls_short():
    assert found(giving((1.0, 0.0009), STUCK), 29).severity == "error"
    assert found(giving((1.0, 0.0009), HEALTHY), 29).severity == "information"


def test_the_layer_that_is_furthest_off_is_named_and_the_last_one_never():
    assert found(giving((2000.0, 0.5), STUCK), 29).where == "0"
    loud = replace(FACTS.layers[-1], std=1e6)
    assert is_silent(STUCK.knowing(layers=(*LAYERS[:-1], loud)), 29)
