from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ranvier.core.errors import ConfigError, UnknownNameError
from ranvier.optim import (
    LBFGS,
    SAM,
    SGD,
    Adafactor,
    Adam,
    AdamW,
    Lookahead,
    Muon,
    RMSprop,
    Rprop,
    optimizer_from,
)


def test_the_learning_rate_comes_first():
    assert AdamW(3e-4).learning_rate == 3e-4
    assert AdamW().weight_decay == 0.01
    with pytest.raises(TypeError):
        AdamW(3e-4, 0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Adam(-1.0, beta1=1.0, beta2=-0.1),
            (
                "Adam: learning_rate=-1.0; expected a number of at least 0.\n"
                "Adam: beta1=1.0; expected a number from 0 to below 1.\n"
                "Adam: beta2=-0.1; expected a number from 0 to below 1."
            ),
        ),
        (
            lambda: SGD(nesterov=True),
            "SGD: nesterov=True; expected a momentum above 0 beside it, and no dampening.",
        ),
        (
            lambda: RMSprop(weight_decay=-1, rho=2.0),
            (
                "RMSprop: weight_decay=-1; expected a number of at least 0.\n"
                "RMSprop: rho=2.0; expected a number from 0 to below 1."
            ),
        ),
        (
            lambda: optimizer_from({"kind": "sgd", "momentun": 0.9}),
            "optimizer sgd: unknown setting 'momentun'. Did you mean 'momentum'?",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


def test_an_unknown_optimizer_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        optimizer_from("addam")
    assert str(caught.value) == "unknown optimizer 'addam'. Did you mean 'adam'?"


def test_each_optimizer_keeps_only_the_state_it_needs():
    theta = [torch.zeros(2, 2)]
    assert list(SGD().slots(theta)) == []
    assert list(SGD(momentum=0.9).slots(theta)) == ["velocity"]
    assert list(Adam().slots(theta)) == ["step", "mean", "mean_square"]
    assert list(RMSprop().slots(theta)) == ["mean_square"]
    full = RMSprop(centered=True, momentum=0.9).slots(theta)
    assert list(full) == ["mean_square", "mean", "velocity"]


def test_slots_lie_in_memory_as_their_parameters_do():
    theta = [torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)]
    assert Adam().slots(theta)["mean"][0].stride() == theta[0].stride()


def test_the_decay_of_this_update_is_the_one_it_is_told():
    theta, zero = [torch.ones(3)], [torch.zeros(3)]
    optimizer = AdamW(weight_decay=0.5)
    slots = optimizer.slots(theta)
    optimizer.update(theta, zero, slots, learning_rate=0.1, weight_decay=0.0)
    assert torch.equal(theta[0], torch.ones(3))
    optimizer.update(theta, zero, slots, learning_rate=0.1, weight_decay=0.5)
    torch.testing.assert_close(theta[0], torch.full((3,), 0.95))


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        SGD().update([torch.zeros(1)], [], {}, learning_rate=0.1, weight_decay=0.0)


def test_what_wraps_an_optimiser_takes_it_as_a_value_a_name_or_a_mapping():
    made = [
        Lookahead(SGD(0.5, momentum=0.9)),
        Lookahead({"kind": "sgd", "learning_rate": 0.5, "momentum": 0.9}),
        optimizer_from(
            {"kind": "lookahead", "inner": {"kind": "sgd", "momentum": 0.9}, "learning_rate": 0.5}
        ),
    ]
    assert made[0] == made[1] == made[2]
    assert len(set(made)) == 1


def test_rate_and_decay_of_a_wrapper_are_those_of_what_is_inside():
    outer = SAM(Lookahead(AdamW(0.3, weight_decay=0.2)))
    assert (outer.learning_rate, outer.weight_decay) == (0.3, 0.2)
    changed = replace(outer, learning_rate=0.7, weight_decay=0.0)
    assert changed.inner.inner == AdamW(0.7, weight_decay=0.0)
    assert changed.inner.learning_rate == 0.7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SAM("lbfgs"),
            "SAM: inner=LBFGS(learning_rate=1.0, weight_decay=0.0, iterations=20, "
            "evaluations=None, history=10, line_search=True, tolerance_gradient=1e-07, "
            "tolerance_change=1e-09); expected an optimizer that steps from one gradient.",
        ),
        (
            lambda: Lookahead("adamw", steps=0, pull=0.0),
            "Lookahead: steps=0; expected a whole number of at least 1.\n"
            "Lookahead: pull=0.0; expected a number above 0 and at most 1.",
        ),
        (
            lambda: Muon(scale="big"),
            "Muon: scale='big'; expected 'original' or 'match_adamw'.",
        ),
        (
            lambda: Rprop(growth=0.9, reduction=1.2),
            "Rprop: growth=0.9; expected a number above 1.\n"
            "Rprop: reduction=1.2; expected a number between 0 and 1.",
        ),
    ],
)
def test_more_options_that_cannot_be_are_refused_in_words(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


def test_a_wrapper_inside_its_own_kind_is_refused():
    with pytest.raises(ConfigError, match=r"is one already\. Take it once\.$"):
        Lookahead(SAM(Lookahead(SGD())))


def test_lbfgs_says_that_it_cannot_step_from_one_gradient():
    with pytest.raises(TypeError, match="one gradient is not enough for a line search"):
        LBFGS().update([torch.ones(1)], [torch.ones(1)], {}, learning_rate=1.0, weight_decay=0.0)


def test_adafactor_keeps_rows_and_columns_of_a_matrix_and_all_of_a_vector():
    slots = Adafactor().slots([torch.zeros(3, 5, 7), torch.zeros(4)])
    assert [tuple(t.shape) for t in slots["rows"]] == [(3, 5, 1), (0,)]
    assert [tuple(t.shape) for t in slots["columns"]] == [(3, 1, 7), (0,)]
    assert [tuple(t.shape) for t in slots["mean_square"]] == [(0,), (4,)]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("schedule_free", "schedule_free_adamw"),
        ("sharpness_aware_minimization", "sam"),
        ("l_bfgs", "lbfgs"),
        ("averaged_sgd", "asgd"),
        ("ftrl_proximal", "ftrl"),
    ],
)
def test_another_spelling_is_answered_with_the_name_here(spelling, name):
    with pytest.raises(UnknownNameError, match=f"Here it is called {name!r}"):
        optimizer_from(spelling)
