from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError, UnknownNameError
from ranvier.optim import SGD, Adam, AdamW, RMSprop, optimizer_from


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
