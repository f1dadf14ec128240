"""Weights and multiply–adds of the ready architectures are those that are published.

Sources of exact counts: torchvision's table of weights (resnet18 … 152, convnext_*, vit_b_16,
vit_l_16, vit_h_14), timm's table of results (vit_tiny, vit_small), pytorchcv's tests
(wide_resnet28_10). Where only millions are published, the count is held against those, and the
exact one follows from the paper's dimensions by the arithmetic written beside it.
"""

from __future__ import annotations

import pytest

from ranvier.spec.architectures import (
    ARCHITECTURES,
    autoencoder,
    dit,
    lenet,
    mlp,
    resnet,
    unet,
    vae,
)

LARGE, SMALL = (224, 224, 3), (32, 32, 3)
DIFFUSION = {"picture": (32, 32, 4), "time": (), "label": ()}


@pytest.mark.parametrize(
    ("name", "input", "parameters"),
    [
        ("resnet18", LARGE, 11_689_512),
        ("resnet34", LARGE, 21_797_672),
        ("resnet50", LARGE, 25_557_032),
        ("resnet101", LARGE, 44_549_160),
        ("resnet152", LARGE, 60_192_808),
        ("convnext_tiny", LARGE, 28_589_128),
        ("convnext_small", LARGE, 50_223_688),
        ("convnext_base", LARGE, 88_591_464),
        ("convnext_large", LARGE, 197_767_336),
        ("vit_tiny", LARGE, 5_717_416),
        ("vit_small", LARGE, 22_050_664),
        ("vit_base", LARGE, 86_567_656),
        ("vit_large", LARGE, 304_326_632),
        ("vit_huge", LARGE, 632_045_800),
        ("wide_resnet28_10", SMALL, 36_479_194),
    ],
)
def test_an_architecture_has_exactly_the_weights_that_are_published(name, input, parameters):
    assert ARCHITECTURES[name]().describe(input=input).parameters == parameters


@pytest.mark.parametrize(
    ("name", "input", "millions", "digits"),
    [
        ("resnet20", SMALL, 0.27, 2),
        ("resnet32", SMALL, 0.46, 2),
        ("resnet44", SMALL, 0.66, 2),
        ("resnet56", SMALL, 0.85, 2),
        ("resnet110", SMALL, 1.7, 1),
        ("wide_resnet40_4", SMALL, 8.9, 1),
        ("wide_resnet16_8", SMALL, 11.0, 1),
        ("wide_resnet28_10", SMALL, 36.5, 1),
        ("convnext_xlarge", LARGE, 350, 0),
        ("vit_base", LARGE, 87, 0),
        ("dit_small", DIFFUSION, 33, 0),
        ("dit_base", DIFFUSION, 130, 0),
        ("dit_large", DIFFUSION, 458, 0),
        ("dit_xlarge", DIFFUSION, 675, 0),
    ],
)
def test_an_architecture_has_as_many_million_weights_as_its_paper_says(
    name, input, millions, digits
):
    parameters = ARCHITECTURES[name]().describe(input=input).parameters
    assert round(parameters / 1e6, digits) == millions


@pytest.mark.parametrize(
    ("name", "input", "giga"),
    [
        # torchvision's table of weights, in multiply–adds.
        ("resnet18", LARGE, 1.81),
        ("resnet34", LARGE, 3.66),
        ("resnet50", LARGE, 4.09),
        ("resnet101", LARGE, 7.80),
        ("resnet152", LARGE, 11.51),
        ("convnext_tiny", LARGE, 4.46),
        ("convnext_small", LARGE, 8.68),
        ("convnext_base", LARGE, 15.36),
        ("convnext_large", LARGE, 34.36),
        ("vit_base", LARGE, 17.56),
        ("vit_large", LARGE, 61.55),
        # Peebles & Xie 2023, tables 1 and 4.
        ("dit_small", DIFFUSION, 6.06),
        ("dit_base", DIFFUSION, 23.01),
        ("dit_large", DIFFUSION, 80.71),
        ("dit_xlarge", DIFFUSION, 118.64),
    ],
)
def test_multiply_adds_are_those_published_within_one_percent(name, input, giga):
    # What is published leaves out norms, activations and sums; here they count.
    flops = ARCHITECTURES[name]().describe(input=input).flops
    assert giga <= flops / 2e9 <= 1.012 * giga


def test_lenet_has_the_weights_of_its_five_layers():
    layers = [6 * (25 + 1), 16 * (6 * 25 + 1), 120 * (400 + 1), 84 * (120 + 1), 10 * (84 + 1)]
    assert lenet().describe(input=(28, 28, 1)).parameters == sum(layers) == 61_706
    assert lenet(padding=0).describe(input=(32, 32, 1)).parameters == 61_706


def test_an_mlp_has_the_weights_of_its_layers():
    assert mlp().describe(input=(28, 28)).parameters == 785 * 500 + 501 * 300 + 301 * 10


def test_a_small_resnet_without_weights_on_its_shortcuts_has_those_of_its_convolutions():
    n = 3
    stages = sum(
        9 * came * width + 9 * width**2 * (2 * n - 1) + 2 * width * 2 * n
        for came, width in [(16, 16), (16, 32), (32, 64)]
    )
    stem_and_head = 27 * 16 + 2 * 16 + 64 * 10 + 10
    assert resnet(20).describe(input=SMALL).parameters == stages + stem_and_head


def test_a_unet_has_the_weights_of_its_convolutions():
    def level(came: int, width: int) -> int:
        return width * (9 * came + 1) + width * (9 * width + 1)

    down = sum(level(came, width) for came, width in [(1, 64), (64, 128), (128, 256), (256, 512)])
    up = sum(level(2 * width, width) + width * (4 * 2 * width + 1) for width in (64, 128, 256, 512))
    found = unet().describe(input=(572, 572, 1)).parameters
    assert found == down + level(512, 1024) + up + 2 * (64 + 1)
    # The port that is often quoted, 31,031,685, ends in two filters of 3 × 3 and one of 1 × 1.
    assert found - 2 * (64 + 1) + 2 * (9 * 64 + 1) + (2 + 1) == 31_031_685


def test_a_unet_gives_the_papers_shapes():
    rows = unet().describe(input=(572, 572, 1)).rows
    shapes = {row.path: row.output_shape for row in rows}
    assert shapes["down_1"] == (568, 568, 64)
    assert shapes["down_4"] == (64, 64, 512)
    assert shapes["bottom"] == (28, 28, 1024)
    assert shapes["up_4"] == (52, 52, 512)
    assert shapes["up_1"] == (388, 388, 64)


def test_autoencoders_have_the_weights_of_their_layers():
    down = 785 * 1000 + 1001 * 500 + 501 * 250 + 251 * 30
    up = 31 * 250 + 251 * 500 + 501 * 1000 + 1001 * 784
    assert autoencoder().describe(input=784).parameters == down + up
    assert vae().describe(input=784).parameters == 785 * 400 + 401 * 40 + 21 * 400 + 401 * 784


def test_a_dit_has_the_weights_of_its_blocks_and_of_what_is_around_them():
    C, blocks, waves, channels = 1152, 28, 256, 4
    block = 4 * (C + 1) * C + (C + 1) * 4 * C + (4 * C + 1) * C + (C + 1) * 6 * C
    condition = (waves + 1) * C + (C + 1) * C + 1001 * C
    ends = (4 * channels + 1) * C + (C + 1) * 2 * C + (C + 1) * 4 * 2 * channels
    found = dit().describe(input=DIFFUSION).parameters
    assert found == blocks * block + condition + ends
    # The authors' code counts the fixed table of positions as well: 675,129,632.
    assert found + 256 * C == 675_129_632


def test_pre_activation_moves_norms_and_leaves_the_convolutions():
    post = resnet(18).describe(input=LARGE).parameters
    pre = resnet(18, order="pre").describe(input=LARGE).parameters
    blocks = [(came, width) for w in (64, 128, 256) for came, width in ((w, w), (w, 2 * w))]
    blocks += [(64, 64), (512, 512)]
    after = 64 + sum(2 * width + width * (came != width) for came, width in blocks)
    before = 64 + sum(came + width for came, width in blocks) + 512
    assert post - pre == 2 * (after - before)


def test_every_architecture_is_described_in_less_than_a_second(seconds):
    for name in ("resnet152", "wide_resnet28_10", "convnext_xlarge", "vit_huge", "dit_xlarge"):
        begun = seconds()
        network = ARCHITECTURES[name]()
        network.describe(input=DIFFUSION if network.inputs else LARGE)
        assert seconds() - begun < 1.0
