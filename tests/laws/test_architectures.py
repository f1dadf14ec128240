"""Every ready architecture obeys the same laws; a table of small variants drives them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError, UnknownNameError
from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import Network
from ranvier.spec.architectures import (
    ARCHITECTURES,
    autoencoder,
    compact_resnet,
    conv_autoencoder,
    convnext,
    dit,
    lenet,
    mlp,
    resnet,
    unet,
    vae,
    vit,
    wide_resnet,
)
from ranvier.spec.layer import Inputs, input_shapes
from tests.laws.test_sequence_architectures import CASES as SEQUENCES

ROWS = 4


@dataclass(frozen=True)
class Small:
    """A small variant and its input; `codes` are the inputs that are whole numbers below 3."""

    name: str
    network: Network
    input: Inputs
    codes: tuple[int, ...] = field(default=())

    def rows(self) -> tuple[Tensor, ...]:
        draws = torch.Generator().manual_seed(1)
        shapes = input_shapes(self.input, self.network.inputs)
        return tuple(
            torch.randint(0, 3, (ROWS, *shape), generator=draws)
            if i in self.codes
            else torch.randn(ROWS, *shape, generator=draws)
            for i, shape in enumerate(shapes)
        )

    def __str__(self) -> str:
        return self.name


PICTURE = (16, 16, 3)
BOTTLENECKS = {"blocks": (1, 2), "filters": 8, "bottleneck": True, "stem": "small"}
SMALL = [
    Small("mlp", mlp(3, hidden=(8, 6), dropout=0.1, batch_norm=True), (4, 4)),
    Small("mlp-places", mlp(3, hidden=(8,), flatten=False), (5, 4)),
    Small("lenet", lenet(filters=(3, 4), units=(8,)), (20, 20, 1)),
    Small("lenet-max", lenet(filters=(3, 4), units=(8,), pool="max", activation="relu"), (20, 20, 1)),
    Small("resnet20", resnet(20, filters=4), PICTURE),
    Small("resnet50", resnet(50, **BOTTLENECKS, drop_path=0.2, zero_start=True), PICTURE),
    Small("resnet50-pre", resnet(50, **BOTTLENECKS, order="pre", zero_start=True), PICTURE),
    Small("resnet18-pre", resnet(18, blocks=(2, 1), filters=4, order="pre"), (32, 32, 3)),
    Small("resnet20-pre", resnet(20, filters=4, order="pre"), PICTURE),
    Small("wide_resnet", wide_resnet(10, 2, filters=4, dropout=0.3), PICTURE),
    Small("compact_resnet", compact_resnet(4, halvings=2, dropout=0.1), PICTURE),
    Small("compact_resnet-whole", compact_resnet(4, halvings=0, stages=1, blocks=2), (5, 4, 1)),
    Small("convnext", convnext(blocks=(1, 3), filters=(8, 12), drop_path=0.2), PICTURE),
    Small("convnext-plain", convnext(blocks=(2,), filters=(8,), layer_scale=None), PICTURE),
    Small("unet", unet(filters=4, depth=2, classes=3), (44, 44, 1)),
    Small("unet-same", unet(filters=4, depth=2, padding="same", batch_norm=True), (16, 8, 3)),
    Small("vit", vit(side=16, patch=4, units=12, depth=2, heads=3, dropout=0.1), PICTURE),
    Small(
        "vit-mean",
        vit(side=16, patch=8, units=12, depth=2, heads=3, pool="mean", drop_path=0.1),
        PICTURE,
    ),
    Small("autoencoder", autoencoder((4, 4), hidden=(8,), latent=2), (4, 4)),
    Small("conv_autoencoder", conv_autoencoder((8, 8, 1), filters=(4, 6), latent=3), (8, 8, 1)),
    Small("conv_autoencoder-wide", conv_autoencoder((8, 8, 1), filters=(4,), latent=None), (8, 8, 1)),
    Small("vae", vae(12, hidden=(8,), latent=2, output_activation="sigmoid"), 12),
    Small(
        "dit",
        dit(shape=(8, 4, 2), units=16, depth=2, heads=2, classes=3, waves=8),
        {"picture": (8, 4, 2), "time": (), "label": ()},
        codes=(2,),
    ),
    Small(
        "dit-plain",
        dit(
            shape=(8, 8, 1), units=16, depth=1, heads=2, classes=3, waves=8, label_dropout=0.0,
            learn_variance=False,
        ),
        {"picture": (8, 8, 1), "time": (), "label": ()},
        codes=(2,),
    ),
]  # fmt: skip
every_small = pytest.mark.parametrize("small", SMALL, ids=str)


def built(small: Small) -> nn.Module:
    """The module, with weights that start at zero drawn, so that every part has a say."""
    module = build(small.network, small.input, seed=3)
    draws = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1, generator=draws)
    return module


def test_every_function_has_a_small_variant_here_or_among_those_for_sequences():
    functions = {name for name, each in ARCHITECTURES.items() if hasattr(each, "__name__")}
    here = {small.name.split("-")[0].rstrip("0123456789") for small in SMALL}
    assert here | {case.network.name for case in SEQUENCES} >= functions


@every_small
def test_it_comes_back_from_its_json_equal(small):
    assert Network.from_json(small.network.to_json()) == small.network


@every_small
def test_it_is_described_and_drawn_as_it_is_built(small):
    description = small.network.describe(input=small.input)
    module = built(small)
    assert description.parameters == sum(p.numel() for p in module.parameters())
    assert tuple(module(*small.rows()).shape) == (ROWS, *description.output_shape)
    ElementTree.fromstring(small.network.draw(input=small.input))


@every_small
def test_every_weight_gets_a_gradient(small):
    torch.manual_seed(0)
    module = built(small)
    with collected_penalties() as terms:
        output = module(*small.rows())
    (output.square().mean() + sum(terms)).backward()
    blind = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    # Stochastic depth may leave a whole branch out for all of a few samples.
    assert not blind or any("drop_path" in name for name, _ in module.named_modules())


@every_small
def test_evaluation_is_deterministic_and_does_not_mix_samples(small):
    module = built(small).double().eval()
    inputs = tuple(each.double() if each.is_floating_point() else each for each in small.rows())
    together = module(*inputs)
    assert torch.equal(together, module(*inputs))
    alone = [module(*(each[i : i + 1] for each in inputs)) for i in range(ROWS)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-10)


@every_small
def test_it_exports_and_the_exported_program_agrees(small):
    module, inputs = built(small).eval(), small.rows()
    program = torch.export.export(module, inputs)
    torch.testing.assert_close(program.module()(*inputs), module(*inputs))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_name_in_the_table_gives_a_network_without_arguments(name):
    network = ARCHITECTURES[name]()
    assert isinstance(network, Network)
    assert network == ARCHITECTURES[name]()


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown architecture 'resnet51'. Did you mean"):
        ARCHITECTURES["resnet51"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: resnet(51),
            "resnet.depth: got 51; expected one of 18, 20, 32, 34, 44, 50, 56, 101, 110, 152. "
            "Name one of them and change its dimensions with the other arguments.",
        ),
        (
            lambda: wide_resnet(27),
            "wide_resnet.depth: got 27; expected 6n + 4: three stages of n blocks of two "
            "convolutions, and four more. Give 28.",
        ),
        (
            lambda: compact_resnet(stages=0),
            "compact_resnet.stages: got 0; expected at least 1. Leave it out for the usual number.",
        ),
        (
            lambda: conv_autoencoder((27, 28, 1)),
            "conv_autoencoder.shape: got places (27, 28); expected multiples of 4, as 2 filters "
            "halve them 2 times. Take (28, 28), or fewer filters.",
        ),
        (
            lambda: vit("huger"),
            "vit.size: got 'huger'; expected one of 'tiny', 'small', 'base', 'large', 'huge'. "
            "Name one of them and change its dimensions with the other arguments.",
        ),
    ],
    ids=["resnet", "wide_resnet", "compact_resnet", "conv_autoencoder", "vit"],
)
def test_what_no_paper_has_is_refused_with_what_to_do(make, words):
    with pytest.raises(NetworkError) as refused:
        make()
    assert str(refused.value) == words


@pytest.mark.parametrize(
    "small", [each for each in SMALL if each.name in ("resnet50", "convnext")], ids=str
)
def test_blocks_that_start_at_nothing_start_as_the_identity(small):
    module = build(small.network, small.input).eval()
    residuals = [each for each in module.modules() if type(each).__name__ == "Residual"]
    assert residuals
    for each in residuals:
        seen: list[tuple[Tensor, Tensor]] = []
        each.register_forward_hook(lambda _, came, gone, seen=seen: seen.append((came[0], gone)))
        module(*small.rows())
        (came, gone) = seen[0]
        torch.testing.assert_close(came, gone, rtol=0, atol=1e-4)


def test_a_dit_starts_by_giving_nothing_and_every_block_as_the_identity():
    small = next(each for each in SMALL if each.name == "dit")
    module = build(small.network, small.input).eval()
    assert not module(*small.rows()).any()


def test_a_label_is_forgotten_in_training_alone():
    small = next(each for each in SMALL if each.name == "dit")
    network = dit(
        shape=(8, 4, 2), units=16, depth=2, heads=2, classes=3, waves=8, label_dropout=0.999
    )
    module = built(Small("forgetful", network, small.input, small.codes))
    picture, time, label = small.rows()
    nobody = torch.full_like(label, 3)
    torch.testing.assert_close(module(picture, time, label), module(picture, time, nobody))
    module.eval()
    assert not torch.allclose(module(picture, time, label), module(picture, time, nobody))
