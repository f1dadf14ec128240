"""The U-Net: a class for every pixel, from far context and near detail."""

from __future__ import annotations

from typing import Literal

from ranvier.spec import (
    Activation,
    Aside,
    BatchNorm,
    Conv,
    ConvTranspose,
    Crop,
    Dropout,
    Join,
    Layer,
    MaxPool,
    Network,
    Sequence,
)
from ranvier.spec.architectures.blocks import check_variant
from ranvier.spec.architectures.registry import ready

Padding = Literal["valid", "same"]


@ready(unet_same={"padding": "same"})
def unet(
    *,
    classes: int = 2,
    filters: int = 64,
    depth: int = 4,
    kernel: int = 3,
    convolutions: int = 2,
    padding: Padding = "valid",
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> Network:
    """U-Net: halves the picture again and again, then doubles it back beside what was known.

        572 ─ level 1 ───────── cropped, beside ─────────▶ up 1 ─ Conv 1 × 1 ─▶ 388
               └ MaxPool ─ level 2 ───────────▶ up 2 ─ ConvTranspose ┘
                            └ … level 4 ─▶ up 4 … ┘
                                  └ bottom ┘

    A level is `convolutions` times 3 × 3 with relu; the filters double with each of `depth` levels
    down. With "valid" padding, the paper's, each convolution takes its rim away, so the output is
    smaller than the input (388 × 388 of 572 × 572), and what is put beside is cropped; with "same"
    it has the input's size, whose sides 2^depth must divide. `dropout` is at the end of the way
    down, as in the paper.

    31,030,658 parameters with one channel and two classes. The paper states none; the port with
    31,031,685 that is often quoted ends in a 3 × 3 convolution of two filters and a 1 × 1 of one.

    >>> unet().output_shape((572, 572, 1)), unet(padding="same").output_shape((96, 64, 3))
    ((388, 388, 2), (96, 64, 2))

    Shapes: [height, width, channels] -> [height′, width′, classes].

    Reference: Ronneberger, Fischer & Brox 2015, arXiv:1505.04597.
    """
    check_variant("unet.padding", padding, ["valid", "same"])

    def level(width: int, name: str) -> Sequence:
        one = _convolution(width, kernel, padding, batch_norm)
        return Sequence(*(one * convolutions), name=name)

    # What a level takes away on each side, and what all below it take, in places of that level.
    rim = convolutions * (kernel - 1) // 2
    crops = [2 * rim]
    for _ in range(depth - 1):
        crops.append(2 * (rim + crops[-1] + rim))
    layers: list[Layer] = []
    for i in range(depth):
        layers.append(level(filters * 2**i, f"down_{i + 1}"))
        if padding == "valid":
            layers.append(Aside(Crop(crops[depth - 1 - i]), name=f"beside_{i + 1}"))
        layers.append(MaxPool(2))
    layers.append(level(filters * 2**depth, "bottom"))
    if dropout:
        layers.append(Dropout(dropout))
    for i in reversed(range(depth)):
        beside = f"beside_{i + 1}" if padding == "valid" else f"down_{i + 1}"
        layers += [
            ConvTranspose(filters * 2**i, 2, stride=2, initializer="he_normal"),
            Join("concat", also=(beside,)),
            level(filters * 2**i, f"up_{i + 1}"),
        ]
    return Network(*layers, Conv(classes, 1), name="unet")


def _convolution(width: int, kernel: int, padding: Padding, batch_norm: bool) -> list[Layer]:
    own = None if batch_norm else "relu"
    convolution = Conv(
        width,
        kernel,
        padding=padding,
        bias=not batch_norm,
        activation=own,
        initializer="he_normal",
    )
    return [convolution, BatchNorm(), Activation("relu")] if batch_norm else [convolution]
