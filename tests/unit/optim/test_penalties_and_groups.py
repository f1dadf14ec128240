from __future__ import annotations

import pytest
import torch

from ranvier.optim import decay_groups, decays, penalty


def test_a_penalty_is_the_size_of_the_weights_and_pulls_them_to_zero():
    weights = [torch.tensor([3.0, 0.0], requires_grad=True), torch.tensor(-4.0, requires_grad=True)]
    cost = penalty(weights, l1=0.1, l2=0.01)
    assert cost.item() == pytest.approx(0.1 * 7 + 0.01 * 25 / 2)
    pulls = torch.autograd.grad(cost, weights)
    torch.testing.assert_close(pulls[0], torch.tensor([0.1 + 0.03, 0.0]))
    torch.testing.assert_close(pulls[1], torch.tensor(-0.1 - 0.04))


def test_no_penalty_costs_nothing():
    assert penalty([torch.ones(3)]).item() == 0.0
    assert penalty([], l1=1.0, l2=1.0).item() == 0.0


def test_weights_decay_and_biases_and_normalisation_do_not():
    module = torch.nn.ModuleDict(
        {
            "conv_0": torch.nn.Conv2d(3, 4, 3),
            "batch_norm_1": torch.nn.BatchNorm2d(4),
            "embedding_2": torch.nn.Embedding(5, 2),
            "residual_3": torch.nn.ModuleDict({"dense_0": torch.nn.Linear(4, 4)}),
            "layer_norm_4": torch.nn.LayerNorm((3, 4)),
            "prelu_5": torch.nn.PReLU(),
        }
    )
    names = [name for name, _ in module.named_parameters()]
    decaying, spared = decay_groups(module.named_parameters())
    assert [names[i] for i in decaying] == [
        "conv_0.weight",
        "embedding_2.weight",
        "residual_3.dense_0.weight",
    ]
    assert sorted(decaying + spared) == list(range(len(names)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dense_0.weight", True),
        ("0.weight", True),
        ("weight", True),
        ("dense_0.bias", False),  # of an ensemble, [K, units]
        ("dense_0.input_scale", False),
        ("blocks.3.ln_1.weight", False),
        ("bn1.weight", False),
        ("encoder.norm2.weight", False),
        ("learning.weight", True),
        ("lstm.weight_hh_l0", True),
        ("lstm.bias_hh_l0", False),
    ],
)
def test_a_name_tells_what_a_parameter_with_two_axes_is(name, expected):
    assert decays(name, torch.zeros(2, 2)) is expected
    assert decays(name, torch.zeros(2)) is False
