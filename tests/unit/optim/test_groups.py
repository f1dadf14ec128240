from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError
from ranvier.optim import (
    LBFGS,
    SGD,
    AdamW,
    Lookahead,
    Muon,
    decays,
    freeze,
    groups_for,
    patterns_from,
)
from ranvier.optim.groups import GroupSettings


def module() -> torch.nn.Module:
    return torch.nn.ModuleDict(
        {
            "conv_0": torch.nn.Conv2d(3, 4, 3),
            "batch_norm_1": torch.nn.BatchNorm2d(4),
            "embedding_2": torch.nn.Embedding(5, 2),
            "residual_3": torch.nn.ModuleDict({"dense_0": torch.nn.Linear(4, 4)}),
            "layer_norm_4": torch.nn.LayerNorm((3, 4)),
            "prelu_5": torch.nn.PReLU(),
        }
    )


def grouped(optimizer, **options) -> list[tuple[object, list[str]]]:
    named = dict(module().named_parameters())
    names = list(named)
    groups = groups_for(optimizer, named, **options)
    return [(group, [names[position] for position in group.positions]) for group in groups]


def test_weights_decay_and_biases_and_normalisation_do_not():
    (decaying, weights), (spared, rest) = grouped(AdamW(weight_decay=0.1), l1=0.2)
    assert (decaying.weight_decay, decaying.l1) == (0.1, 0.2)
    assert (spared.weight_decay, spared.l1) == (0.0, 0.0)
    assert weights == ["conv_0.weight", "embedding_2.weight", "residual_3.dense_0.weight"]
    assert len(weights) + len(rest) == len(list(module().parameters()))


def test_where_nothing_decays_all_parameters_are_one_group_and_one_kernel():
    ((group, names),) = grouped(SGD())
    assert names == [name for name, _ in module().named_parameters()]
    assert group.learning_rate_factor == 1


def test_parameters_of_different_precisions_are_groups_of_their_own():
    named = {"a.weight": torch.zeros(2, 2), "b.weight": torch.zeros(2, 2).bfloat16()}
    assert [names for _, names in grouped_names(SGD(), named)] == [["a.weight"], ["b.weight"]]


def test_what_is_said_of_a_pattern_holds_for_all_it_fits_and_the_first_counts():
    patterns = {
        "residual_3": GroupSettings(learning_rate_factor=0.5, weight_decay=0.3),
        "*.weight": GroupSettings(l2=0.7),
        "residual_3.dense_0.bias": GroupSettings(learning_rate_factor=9.0),
    }
    found = {n: g for g, names in grouped(SGD(0.1), patterns=patterns) for n in names}
    for name in ("residual_3.dense_0.weight", "residual_3.dense_0.bias"):
        assert (found[name].learning_rate_factor, found[name].weight_decay) == (0.5, 0.3)
    assert found["batch_norm_1.weight"].l2 == 0.7
    assert found["conv_0.bias"].l2 == 0.0


def test_frozen_parameters_ask_for_no_gradient():
    network = module()
    freeze(network, patterns_from({"conv_0": {"frozen": True}, "*norm*": {"frozen": True}}))
    assert [name for name, p in network.named_parameters() if p.requires_grad] == [
        "embedding_2.weight",
        "residual_3.dense_0.weight",
        "residual_3.dense_0.bias",
        "prelu_5.weight",
    ]


def test_patterns_that_no_parameter_fits_are_refused_together_with_the_nearest():
    patterns = patterns_from({"conv_O": {"frozen": True}, "embeding_2.weight": {}})
    with pytest.raises(ConfigError) as caught:
        freeze(module(), patterns)
    assert str(caught.value) == (
        "parameter_groups: no parameter fits 'conv_O'. Did you mean 'conv_0'?\n"
        "parameter_groups: no parameter fits 'embeding_2.weight'. "
        "Did you mean 'embedding_2.weight'?"
    )


def test_what_cannot_be_said_of_a_pattern_is_refused_in_words():
    with pytest.raises(ConfigError) as caught:
        patterns_from({"a": {"learning_rate_facto": 2.0, "l1": -1.0}, "b": 3, "c": {"frozen": 4}})
    assert str(caught.value) == (
        "parameter_groups 'a': unknown setting 'learning_rate_facto'. "
        "Did you mean 'learning_rate_factor'?\n"
        "parameter_groups 'a': l1=-1.0: expected a number of at least 0.\n"
        "parameter_groups 'b': got 3; expected a mapping such as {\"frozen\": true}.\n"
        "parameter_groups 'c': frozen=4: expected true or false."
    )


def test_muon_moves_hidden_matrices_and_adamw_the_rest():
    named = {
        "embedding_0.weight": torch.zeros(9, 4),
        "dense_1.weight": torch.zeros(8, 4),
        "dense_1.bias": torch.zeros(8),
        "conv_2.weight": torch.zeros(8, 8, 3),
        "layer_norm_3.weight": torch.zeros(8),
        "dense_4.weight": torch.zeros(2, 8),
        "dense_4.bias": torch.zeros(2),
    }
    muon, rest = grouped_names(Muon(0.02, adamw_factor=0.1), named)
    assert muon[0].optimizer.kind == "muon"
    assert muon[1] == ["dense_1.weight", "conv_2.weight"]
    assert rest[0].optimizer.kind == "adamw"
    assert rest[0].learning_rate_factor == pytest.approx(0.1)


def grouped_names(optimizer, named):
    names = list(named)
    return [(g, [names[p] for p in g.positions]) for g in groups_for(optimizer, named)]


@pytest.mark.parametrize("optimizer", [LBFGS(), Lookahead(LBFGS())], ids=["LBFGS", "inside"])
def test_one_direction_for_all_has_no_rates_for_some(optimizer):
    patterns = patterns_from({"conv_0": {"learning_rate_factor": 0.1}})
    with pytest.raises(ConfigError) as caught:
        grouped(optimizer, patterns=patterns)
    assert str(caught.value) == (
        f"parameter_groups: learning_rate_factor is not 1, but {optimizer.kind} moves all "
        "parameters along one direction. Leave it out, or take another optimizer."
    )


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
        ("weight_norm_0.layer.weight", True),
        ("mamba.A_log", False),
    ],
)
def test_a_name_tells_what_a_parameter_with_two_axes_is(name, expected):
    assert decays(name, torch.zeros(2, 2)) is expected
    assert decays(name, torch.zeros(2)) is False
