"""Wide residual networks: fewer blocks, each of many filters."""

from __future__ import annotations

from typing import Literal

from ranvier.core.errors import NetworkError
from ranvier.spec import Dense, GlobalAveragePool, Network
from ranvier.spec.architectures.registry import ready
from ranvier.spec.architectures.resnet import Style, bent, stages, stem_layer


@ready(
    wide_resnet28_10={},
    wide_resnet40_4={"depth": 40, "width": 4},
    wide_resnet16_8={"depth": 16, "width": 8},
)
def wide_resnet(
    depth: int = 28,
    width: int = 10,
    *,
    classes: int = 10,
    filters: int = 16,
    dropout: float = 0.0,
    stem: Literal["small", "large"] = "small",
    drop_path: float = 0.0,
    zero_start: bool = False,
) -> Network:
    """WRN: pre-activated residual blocks that are `width` times as wide as a thin ResNet's.

        32 × 32 ─ Conv 16 ─ stage 160 ─ stage 320 ─ stage 640 ─ norm ─ relu ─ mean ─ Dense
        a + F(a),  F = norm ─ relu ─ Conv ─ norm ─ relu ─ (Dropout) ─ Conv

    `depth` counts convolutions, 6n + 4 for n blocks in each of three stages. The paper drops 0.3
    between the convolutions of a block.

    Parameters: 28-10 36,479,194 (36.5 M in the paper's table 4), 40-4 8,949,210 (8.9 M), 16-8
    10,961,370 (11.0 M). Multiply–adds for 32 × 32: 28-10 5.2 G.

    >>> wide_resnet(16, 8).output_shape((32, 32, 3))
    (10,)

    Shapes: [height, width, channels] -> [classes].

    Raises:
        NetworkError: for a depth that is not 6n + 4.

    Reference: Zagoruyko & Komodakis 2016, arXiv:1605.07146.
    """
    count, rest = divmod(depth - 4, 6)
    if rest or count < 1:
        nearest = 6 * max(1, round((depth - 4) / 6)) + 4
        raise NetworkError(
            f"wide_resnet.depth: got {depth}; expected 6n + 4: three stages of n blocks of two "
            f"convolutions, and four more. Give {nearest}."
        )
    style = Style(order="pre", dropout=dropout, zero_start=zero_start)
    widths = [width * filters * 2**i for i in range(3)]
    return Network(
        stem_layer(stem, filters, "pre"),
        *stages(style, [count] * 3, widths, filters, drop_path),
        *bent(),
        GlobalAveragePool(),
        Dense(classes),
        name=f"wide_resnet{depth}_{width}",
    )
