"""Residual networks: blocks that learn what to add, in stages that halve the picture."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Literal

from ranvier.spec import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    DropPath,
    GlobalAveragePool,
    Identity,
    Initializer,
    Layer,
    MaxPool,
    Network,
    PadFeatures,
    Parallel,
    Residual,
    Sequence,
    Slice,
)
from ranvier.spec.architectures.blocks import Row, check_variant, in_a_row, rising
from ranvier.spec.architectures.registry import ready

Order = Literal["post", "pre"]
Stem = Literal["large", "small"]
Shortcut = Literal["projection", "padding"]


@dataclass(frozen=True)
class Plan:
    """What the paper has for a depth."""

    blocks: tuple[int, ...]
    bottleneck: bool
    filters: int = 64
    stem: Stem = "large"
    shortcut: Shortcut = "projection"
    classes: int = 1000


PLANS: dict[int, Plan] = {
    18: Plan((2, 2, 2, 2), bottleneck=False),
    34: Plan((3, 4, 6, 3), bottleneck=False),
    50: Plan((3, 4, 6, 3), bottleneck=True),
    101: Plan((3, 4, 23, 3), bottleneck=True),
    152: Plan((3, 8, 36, 3), bottleneck=True),
} | {
    6 * n + 2: Plan((n, n, n), False, filters=16, stem="small", shortcut="padding", classes=10)
    for n in (3, 5, 7, 9, 18)
}
START = Initializer("variance_scaling", scale=2.0, mode="fan_out", distribution="normal")


@dataclass(frozen=True)
class Style:
    """What all blocks of a residual network have in common."""

    bottleneck: bool = False
    order: Order = "post"
    shortcut: Shortcut = "projection"
    zero_start: bool = False
    dropout: float = 0.0

    def width(self, filters: int) -> int:
        """The features that a block of so many filters gives."""
        return 4 * filters if self.bottleneck else filters


@ready(**{f"resnet{depth}": {"depth": depth} for depth in PLANS})
def resnet(
    depth: int = 50,
    *,
    blocks: Several[int] | None = None,
    filters: int | None = None,
    bottleneck: bool | None = None,
    classes: int | None = None,
    stem: Stem | None = None,
    shortcut: Shortcut | None = None,
    order: Order = "post",
    drop_path: float = 0.0,
    zero_start: bool = False,
) -> Network:
    """ResNet: stages of blocks that add what they compute to what comes.

        224 × 224 ─ Conv 7 × 7, stride 2 ─ MaxPool ─ stage ─ stage ─ stage ─ stage ─ mean ─ Dense
        post: relu(a + F(a)),  F = Conv ─ norm ─ relu ─ Conv ─ norm
        pre:  a + F(a),        F = norm ─ relu ─ Conv ─ norm ─ relu ─ Conv

    `depth` names a plan of the paper: 18, 34, 50, 101, 152 for ImageNet, 20, 32, 44, 56, 110 for
    pictures of 32 × 32; every part of it may be given instead. `blocks` counts those of each stage,
    each of which halves the picture and doubles the `filters`, but for the first. A `bottleneck`
    block is 1 × 1, 3 × 3, 1 × 1 and four times as wide outside; as torchvision's, it strides in the
    middle, where the paper strides in the first. A "small" `stem` is one 3 × 3 convolution. Where a
    block widens, its `shortcut` is a "projection" (1 × 1 convolution; the paper's B) or "padding"
    with zeros (A). `order="pre"` is the second paper's. With `zero_start` every block starts as the
    identity: the scale of its last norm is zero (Goyal et al. 2017, arXiv:1706.02677), or its last
    convolution where no norm follows. `drop_path` rises from 0 to this share with the depth.

    Parameters: 18 11,689,512, 34 21,797,672, 50 25,557,032, 101 44,549,160, 152 60,192,808, as
    torchvision has; 20 269,722, 32 464,154, 44 658,586, 56 853,018, 110 1,727,962 (0.27, 0.46,
    0.66, 0.85 and 1.7 M in the paper's table 6). Multiply–adds for 224 × 224: 50 4.1 G.

    >>> resnet(20).describe(input=(32, 32, 3)).parameters
    269722

    Shapes: [height, width, channels] -> [classes].

    Reference: He et al. 2016, arXiv:1512.03385; He et al. 2016, arXiv:1603.05027 (pre-activation).
    """
    check_variant("resnet.depth", depth, sorted(PLANS))
    check_variant("resnet.order", order, ["post", "pre"])
    plan = PLANS[depth]
    counts, width = tuple(blocks or plan.blocks), filters or plan.filters
    narrow = plan.bottleneck if bottleneck is None else bottleneck
    style = Style(narrow, order, shortcut or plan.shortcut, zero_start)
    layers = [stem_layer(stem or plan.stem, width, order)]
    layers += stages(style, counts, [width * 2**i for i in range(len(counts))], width, drop_path)
    layers += [*bent(order == "pre"), GlobalAveragePool(), Dense(classes or plan.classes)]
    return Network(*layers, name=f"resnet{depth}")


def bent(wanted: bool = True) -> list[Layer]:
    """Normalised and bent, where it is wanted."""
    return [BatchNorm(), Activation("relu")] if wanted else []


def convolution(filters: int, kernel: int, stride: int = 1) -> Conv:
    """As residual networks have it: centred, without a bias, which the norm after it has."""
    around = kernel // 2
    return Conv(filters, kernel, stride=stride, padding=around, bias=False, initializer=START)


def stem_layer(stem: Stem, filters: int, order: Order) -> Layer:
    """What comes before the first stage."""
    check_variant("resnet.stem", stem, ["large", "small"])
    if stem == "small":
        layers = [convolution(filters, 3), *bent(order == "post")]
    else:
        pool = MaxPool(3, stride=2, padding=1)
        layers = [convolution(filters, 7, 2), *bent(), pool]
    return Sequence(*layers, name="stem")


def stages(
    style: Style, counts: Several[int], filters: Several[int], came: int, drop_path: float = 0.0
) -> list[Layer]:
    """A `Sequence` for each stage; `came` is the number of features that come in."""
    drops = iter(rising(drop_path, sum(counts)))
    found: list[Layer] = []
    for position, (count, width) in enumerate(zip(counts, filters, strict=True)):
        row: list[Row] = []
        for i in range(count):
            stride = 2 if position and not i else 1
            row.append(block(style, came, width, stride, next(drops)))
            came = style.width(width)
        found.append(Sequence(*in_a_row(row), name=f"stage_{position + 1}"))
    return found


def block(style: Style, came: int, filters: int, stride: int, drop_path: float) -> Row:
    """One block for an input of `came` features."""
    inside = branch(style, filters, stride)
    if drop_path:
        inside.append(DropPath(drop_path))
    after = [Activation("relu")] * (style.order == "post")
    around = way_around(style, came, style.width(filters), stride)
    if not around:
        return (Residual(*bent(style.order == "pre"), *inside), *after)
    join = Parallel(inside, around, join="sum")
    # Where the shape changes, the way around starts from the bent input too.
    return (*bent(style.order == "pre"), join, *after)


def branch(style: Style, filters: int, stride: int) -> list[Layer]:
    """What a block computes, from its first convolution on."""
    zeros = "zeros" if style.zero_start else None
    if style.bottleneck:
        first = [convolution(filters, 1), *bent(), convolution(filters, 3, stride)]
        last = convolution(4 * filters, 1)
    else:
        first = [convolution(filters, 3, stride)]
        last = convolution(filters, 3)
    between = [*bent(), *[Dropout(style.dropout)] * (style.dropout > 0)]
    if style.order == "post":
        return [*first, *between, last, BatchNorm(initializer=zeros)]
    return [*first, *between, replace(last, initializer=zeros or last.initializer)]


def way_around(style: Style, came: int, width: int, stride: int) -> list[Layer]:
    """The layers of the way around a block; none where the input can be added as it is."""
    if stride == 1 and came == width:
        return []
    if style.shortcut == "projection":
        return [convolution(width, 1, stride), *[BatchNorm()] * (style.order == "post")]
    check_variant("resnet.shortcut", style.shortcut, ["projection", "padding"])
    fewer = [Slice(axis=0, step=stride), Slice(axis=1, step=stride)] if stride > 1 else []
    more = width - came
    return [*fewer, PadFeatures((more // 2, more - more // 2)) if more else Identity()]
