"""Published checkpoints of networks for pictures, recognised by the names and forms in them.

Residual networks are named as torchvision names them, vision transformers as timm does. Nothing is
downloaded here; a file is described by what lies in it:

    published = recognised(tensors)
    module = build(published.network, published.shape)
    load_weights(module, tensors, names=published.names)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from torch import Tensor

from ranvier.core.shapes import Shape
from ranvier.nn.published import inside
from ranvier.nn.weights import Names, Reshaped, Split
from ranvier.spec import Network
from ranvier.spec.architectures import resnet, vit
from ranvier.spec.architectures.resnet import PLANS

# Mean and deviation of ImageNet's pictures, red, green and blue, as numbers from 0 to 1: what the
# checkpoints of torchvision were trained with, and most since.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
# A side that every residual network of the paper takes.
_ANY_SIDE = 64

VIT: Names = {
    "cls_token": Reshaped("class_token_1.weight"),
    "pos_embed": Reshaped("position_embedding_2.weight"),
    "patch_embed.proj.{what}": "patch_embedding_0.{what}",
    **inside(
        "blocks.{i}.",
        "repeat_3.{i}.transformer_encoder_0.",
        {
            "norm1.{what}": "attention_norm.{what}",
            "attn.qkv.{what}": Split(
                "attention.query.{what}", "attention.key.{what}", "attention.value.{what}"
            ),
            "attn.proj.{what}": "attention.output.{what}",
            "norm2.{what}": "feed_forward_norm.{what}",
            "mlp.fc1.{what}": "feed_forward.hidden.{what}",
            "mlp.fc2.{what}": "feed_forward.output.{what}",
        },
    ),
    "norm.{what}": "layer_norm_4.{what}",
    "head.{what}": "dense_6.{what}",
}
"""Of `vit()` without dropout: timm's ViT and DeiT."""


@dataclass(frozen=True)
class Published:
    """What a file of weights is of, what its names are here, and what it is called by people.

    `shape` is the input to build it for; where `is_of_one_size`, no other side will do. `head`
    holds the names, in the file, of the layer that gives the classes.
    """

    network: Network
    names: Names
    words: str
    shape: Shape
    head: tuple[str, ...]
    is_of_one_size: bool = False


def recognised(tensors: Mapping[str, Tensor]) -> Published | None:
    """What the tensors are of, by their names and shapes; None where nothing known fits.

    >>> import torch
    >>> recognised({"weight": torch.zeros(2, 3)}) is None
    True
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return _residual(shapes) or _transformer(shapes)


def _residual(shapes: Mapping[str, Shape]) -> Published | None:
    stem = shapes.get("conv1.weight", ())
    if len(stem) != 4 or stem[2] not in (3, 7) or "layer1.0.bn1.weight" not in shapes:
        return None
    blocks = list(_blocks(shapes))
    filters, channels, side, _ = stem
    bottleneck = "layer1.0.conv3.weight" in shapes
    depths = [
        depth
        for depth, plan in PLANS.items()
        if (plan.blocks, plan.bottleneck, plan.filters) == (tuple(blocks), bottleneck, filters)
    ]
    network = resnet(
        depths[0] if depths else 18,
        blocks=blocks,
        filters=filters,
        bottleneck=bottleneck,
        classes=shapes.get("fc.weight", (1000,))[0],
        stem="large" if side == 7 else "small",
        shortcut="projection",
    )
    shape = (_ANY_SIDE, _ANY_SIDE, channels)
    ours = [node.path for node in network.trace(input=shape).walk() if node.parameters]
    theirs = _residual_layers(blocks, shapes)
    if len(ours) != len(theirs):
        return None
    pairs = zip(theirs, ours, strict=True)
    return Published(
        network=network,
        names={f"{name}.{{what}}": f"{path}.{{what}}" for name, path in pairs},
        words=f"torchvision's ResNet-{depths[0]}" if depths else "a residual network",
        shape=shape,
        head=("fc.weight", "fc.bias"),
    )


def _blocks(shapes: Mapping[str, Shape]) -> Iterator[int]:
    """How many blocks each stage has."""
    for stage in count(1):
        found = next(i for i in count() if f"layer{stage}.{i}.conv1.weight" not in shapes)
        if not found:
            return
        yield found


def _residual_layers(blocks: list[int], shapes: Mapping[str, Shape]) -> list[str]:
    """The names of the layers that hold weights, in the order in which ours stand."""
    names = ["conv1", "bn1"]
    for stage, number in enumerate(blocks, start=1):
        for i in range(number):
            block = f"layer{stage}.{i}."
            for k in (1, 2, 3):
                if f"{block}conv{k}.weight" in shapes:
                    names += [f"{block}conv{k}", f"{block}bn{k}"]
            if f"{block}downsample.0.weight" in shapes:
                names += [f"{block}downsample.0", f"{block}downsample.1"]
    return [*names, "fc"]


def _transformer(shapes: Mapping[str, Shape]) -> Published | None:
    patches, places = shapes.get("patch_embed.proj.weight", ()), shapes.get("pos_embed", ())
    hidden = shapes.get("blocks.0.mlp.fc1.weight", ())
    if (len(patches), len(places), len(hidden)) != (4, 3, 2) or "cls_token" not in shapes:
        return None
    units, channels, patch, _ = patches
    side = patch * math.isqrt(places[1] - 1)
    depth = next(i for i in count() if f"blocks.{i}.norm1.weight" not in shapes)
    if depth < 2 or (side // patch) ** 2 + 1 != places[1]:
        return None
    network = vit(
        patch=patch,
        side=side,
        units=units,
        depth=depth,
        # The huge one alone has heads of 80 units; of all others a head has 64.
        heads=16 if units == 1280 else max(1, units // 64),
        hidden=hidden[0],
        classes=shapes.get("head.weight", (1000,))[0],
    )
    words = f"a vision transformer of {depth} blocks for {side} × {side}"
    head = ("head.weight", "head.bias")
    return Published(network, VIT, words, (side, side, channels), head, is_of_one_size=True)
