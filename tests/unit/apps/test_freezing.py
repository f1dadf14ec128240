"""What rests and how fast the rest learns, of a network whose head is new."""

from __future__ import annotations

import pytest

from ranvier.apps.freezing import default_freeze, freezing
from ranvier.nn import build
from ranvier.optim import freeze, patterns_from
from ranvier.spec import (
    BatchNorm,
    Conv,
    Dense,
    GlobalAveragePool,
    Network,
    Normalization,
    RandomFlip,
    Repeat,
)
from ranvier.spec.architectures import resnet, vit

PREFIX = (Normalization((10.0,), (4.0,)), RandomFlip())
SMALL = Network(
    *PREFIX, Conv(4, 3), BatchNorm(), Conv(4, 3), BatchNorm(), GlobalAveragePool(), Dense(2)
)
SHAPE = (8, 8, 1)


def test_a_backbone_rests_wholly_while_pictures_still_change_and_the_head_learns() -> None:
    module = build(SMALL, SHAPE)
    freeze(module, patterns_from(freezing(SMALL, SHAPE, "backbone", epochs=10).groups))
    learns = [name for name, p in module.named_parameters() if p.requires_grad]
    assert learns == ["dense_7.weight", "dense_7.bias"]
    modes = {name: part.training for name, part in module.named_children()}
    assert modes["random_flip_1"] and modes["dense_7"]
    assert not any(modes[f"{kind}"] for kind in ("conv_2", "batch_norm_3", "batch_norm_5"))


def test_stages_thaw_from_the_top_each_slower_than_the_one_above_it() -> None:
    found = freezing(SMALL, SHAPE, "gradual", epochs=20)
    assert found.groups == {
        "conv_4": {"learning_rate_factor": 0.3846, "thaws_after": 4},
        "batch_norm_5": {"learning_rate_factor": 0.3846, "thaws_after": 4},
        "conv_2": {"learning_rate_factor": 0.1479, "thaws_after": 10},
        "batch_norm_3": {"learning_rate_factor": 0.1479, "thaws_after": 10},
    }
    assert found.words == (
        "the head alone at first, conv_4 to batch_norm_5 from epoch 5, conv_2 to batch_norm_3 from "
        "epoch 11; each stage learns at 1/2.6 of the rate of the one above it"
    )


def test_with_none_everything_learns_at_once() -> None:
    found = freezing(SMALL, SHAPE, "none", epochs=20)
    assert all(set(said) == {"learning_rate_factor"} for said in found.groups.values())
    assert found.groups.keys() == freezing(SMALL, SHAPE, "gradual", epochs=20).groups.keys()


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 8, 50])
@pytest.mark.parametrize("network", [resnet(18), SMALL], ids=["resnet", "small"])
def test_all_has_thawed_before_the_last_epoch_ends(network: Network, epochs: int) -> None:
    shape = (64, 64, 3) if network != SMALL else SHAPE
    groups = freezing(network, shape, "gradual", epochs=epochs).groups
    thaws = [said.get("thaws_after", 0) for said in groups.values()]
    assert thaws == sorted(thaws)
    assert max(thaws) < epochs
    assert min(thaws) >= 1 or epochs == 1


def test_the_stages_of_a_residual_network_are_its_own_and_the_stem_goes_with_the_first() -> None:
    groups = freezing(resnet(18), (64, 64, 3), "none", epochs=5).groups
    rates = {name: said["learning_rate_factor"] for name, said in groups.items()}
    assert rates["stage_4"] > rates["stage_3"] > rates["stage_2"] > rates["stage_1"]
    assert rates["stem"] == rates["stage_1"]
    assert len(rates) == 5


def test_repeated_blocks_are_told_apart() -> None:
    network = vit("tiny", side=16, patch=8, depth=4, units=64, heads=4)
    groups = freezing(network, (16, 16, 3), "none", epochs=5).groups
    assert {f"repeat_3.{i}" for i in range(4)} < groups.keys()
    rates = [groups[f"repeat_3.{i}"]["learning_rate_factor"] for i in range(4)]
    assert rates == sorted(rates) and rates[0] < rates[-1]


def test_every_name_is_one_of_a_parameter() -> None:
    network = Network(*PREFIX, Repeat(Conv(4, 3, padding="same"), times=3), [Conv(2, 3), Dense(2)])
    groups = freezing(network, SHAPE, "gradual", epochs=9).groups
    module = build(network, SHAPE)
    freeze(module, patterns_from(groups), epoch=0)
    learns = [name for name, p in module.named_parameters() if p.requires_grad]
    assert learns == ["sequence_3.dense_1.weight", "sequence_3.dense_1.bias"]


def test_a_network_of_a_head_alone_has_nothing_to_freeze() -> None:
    found = freezing(Network(*PREFIX, GlobalAveragePool(), Dense(2)), SHAPE, "gradual", epochs=5)
    assert (found.groups, found.words) == ({}, "below the head nothing has weights")


def test_few_pictures_thaw_gradually_and_many_train_all_layers() -> None:
    assert default_freeze(200)[0] == "gradual"
    assert "200 pictures are few" in default_freeze(200)[1]
    assert default_freeze(50_000)[0] == "none"
