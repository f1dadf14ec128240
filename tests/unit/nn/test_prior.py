"""A last bias that starts at what is true of the targets on average."""

from __future__ import annotations

import math

import pytest
import torch

from ranvier.core.errors import DataError, NetworkError
from ranvier.nn import build, prior_bias, start_at_prior_
from ranvier.nn.prior import start_first_output_at_
from ranvier.spec import Dense, Dropout, MemberDense, Members, Network

CLASSES = torch.tensor([0] * 70 + [1] * 25 + [2] * 5)
RARE = torch.tensor([0.0] * 97 + [1.0] * 3)


def test_softmax_of_the_log_frequencies_is_the_frequencies():
    prior = prior_bias("classification", CLASSES, outputs=3)
    torch.testing.assert_close(torch.softmax(prior, 0), torch.tensor([0.7, 0.25, 0.05]))
    torch.testing.assert_close(prior, torch.tensor([0.7, 0.25, 0.05]).log())


def test_sigmoid_of_the_log_odds_is_the_share():
    prior = prior_bias("classification", RARE, outputs=1)
    assert prior.item() == pytest.approx(math.log(3 / 97), rel=1e-6)


def test_labels_that_are_yes_or_no_each_on_its_own_get_odds_of_their_own():
    target = torch.stack([RARE, 1 - RARE], dim=1)
    prior = prior_bias("classification", target, outputs=2)
    torch.testing.assert_close(torch.sigmoid(prior), torch.tensor([0.03, 0.97]))


def test_a_regression_starts_at_the_mean():
    target = torch.tensor([1e6 + 1, 1e6 + 3])
    assert prior_bias("regression", target, outputs=1).tolist() == [1e6 + 2]
    two = torch.tensor([[1.0, -4.0], [3.0, 0.0]])
    assert prior_bias("regression", two, outputs=2).tolist() == [2.0, -2.0]
    assert prior_bias("regression", two[:, 0], outputs=3).tolist() == [2.0, 2.0, 2.0]


def test_rows_count_by_their_weight():
    weight = torch.where(CLASSES == 2, 14.0, 1.0)
    prior = prior_bias("classification", CLASSES, outputs=3, sample_weight=weight)
    torch.testing.assert_close(torch.softmax(prior, 0), torch.tensor([70.0, 25, 70]) / 165)
    mean = prior_bias("regression", RARE, outputs=1, sample_weight=1 + 96 * RARE)
    assert mean.item() == pytest.approx(0.75)


@pytest.mark.parametrize("target", [torch.zeros(9), torch.ones(9)], ids=["no", "yes"])
def test_a_class_without_a_row_counts_as_half_a_row(target):
    prior = prior_bias("classification", target, outputs=1)
    assert abs(prior.item()) == pytest.approx(math.log(18), rel=1e-6)
    absent = prior_bias("classification", target.long(), outputs=3)
    assert torch.isfinite(absent).all()


def test_a_network_with_small_weights_starts_at_the_prior():
    module = build(Network(Dense(8, activation="relu"), Dense(3, initializer="zeros")), 4)
    start_at_prior_(module, "classification", CLASSES)
    shares = torch.softmax(module(torch.randn(6, 4)), dim=1)
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.25, 0.05]).expand(6, 3))


def test_the_loss_at_the_start_is_lower_than_without():
    rows = torch.randn(100, 4)
    module = build(Network(Dense(8, activation="relu"), Dropout(0.5), Dense(1)), 4).eval()

    def loss() -> float:
        logits = module(rows)[:, 0]
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, RARE).item()

    before = loss()
    start_at_prior_(module, "classification", RARE)
    assert loss() < before / 2


def test_every_member_of_an_ensemble_starts_at_the_prior():
    module = build(Network(Members(4), MemberDense(3)), 5)
    prior = start_at_prior_(module, "classification", CLASSES)
    assert torch.equal(module[1].bias, prior.expand(4, 3))


def test_only_the_last_bias_is_touched():
    module = build(Network(Dense(8), Dense(1)), 5)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    start_at_prior_(module, "regression", RARE)
    after = module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"dense_1.bias"}


@pytest.mark.parametrize(
    ("network", "task", "target", "error", "message"),
    [
        (
            Network(Dense(3, bias=False)),
            "classification",
            CLASSES,
            NetworkError,
            "dense_0: got a last layer without a bias; expected one to set. End the network in a "
            "Dense with bias=True.",
        ),
        (
            Network(Dropout(0.1)),
            "classification",
            CLASSES,
            NetworkError,
            "network: got a last layer without a bias; expected one to set. End the network in a "
            "Dense with bias=True.",
        ),
        (
            Network(Dense(1, activation="softplus")),
            "regression",
            RARE,
            NetworkError,
            "dense_0: got the activation 'softplus' after the last bias; expected none for "
            "regression. Leave the activation out, or set the bias by hand.",
        ),
        (
            Network(Dense(2)),
            "classification",
            CLASSES,
            DataError,
            "prior_bias: got classes from 0 to 2; expected numbers from 0 to 1. Number the "
            "classes from 0, and give the last layer one output, or one for each class.",
        ),
        (
            Network(Dense(3)),
            "regression",
            torch.zeros(4, 2),
            DataError,
            "prior_bias: got targets of shape (4, 2) for 3 outputs; expected [B] or [B, 3], with "
            "a row at least.",
        ),
        (
            Network(Dense(1)),
            "regression",
            torch.zeros(0),
            DataError,
            "prior_bias: got targets of shape (0,) for 1 outputs; expected [B] or [B, 1], with "
            "a row at least.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(network, task, target, error, message):
    with pytest.raises(error) as caught:
        start_at_prior_(build(network, 4), task, target)
    assert str(caught.value) == message


def test_the_first_output_of_every_member_starts_where_it_is_told():
    module = build(Network(Members(3), MemberDense(2)), 4)
    before = module(torch.zeros(1, 4)).detach().clone()
    assert start_first_output_at_(module, 5.0)
    after = module(torch.zeros(1, 4)).detach()
    torch.testing.assert_close(after[..., 0], torch.full((1, 3), 5.0))
    torch.testing.assert_close(after[..., 1], before[..., 1])


def test_a_network_that_ends_without_a_plain_bias_starts_as_it_is():
    for last in (Dense(1, bias=False), Dense(1, activation="softplus")):
        module = build(Network(Dense(3), last), 4)
        before = {name: each.clone() for name, each in module.state_dict().items()}
        assert not start_first_output_at_(module, 5.0)
        assert all(torch.equal(before[name], each) for name, each in module.state_dict().items())
