"""ConvNeXt: a convolutional network drawn up as a transformer is."""

from __future__ import annotations

from collections.abc import Sequence as Several
from typing import Literal

from ranvier.spec import (
    Conv,
    Dense,
    DepthwiseConv,
    DropPath,
    GlobalAveragePool,
    Initializer,
    Layer,
    LayerNorm,
    LayerScale,
    Network,
    Residual,
    Sequence,
)
from ranvier.spec.architectures.blocks import Row, check_variant, in_a_row, rising
from ranvier.spec.architectures.registry import ready

Size = Literal["tiny", "small", "base", "large", "xlarge"]
_SIZES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
_START = Initializer("truncated_normal", std=0.02)
_EPSILON = 1e-6


@ready(**{f"convnext_{size}": {"size": size} for size in _SIZES})
def convnext(
    size: Size = "tiny",
    *,
    blocks: Several[int] | None = None,
    filters: Several[int] | None = None,
    classes: int = 1000,
    patch: int = 4,
    kernel: int = 7,
    layer_scale: float | None = 1e-6,
    drop_path: float = 0.0,
) -> Network:
    """ConvNeXt: stages of blocks that mix places by large kernels, then features, place by place.

        224 × 224 ─ Conv 4 × 4, stride 4 ─ LayerNorm ─ stage ─ halve ─ stage ─ … ─ mean ─ Dense
        block: a + γ ⊙ Dense C(gelu(Dense 4C(LayerNorm(DepthwiseConv 7 × 7(a)))))

    `size` names the paper's `blocks` and `filters` of each stage, which may be given instead.
    `drop_path` is the share of the last block, rising from 0 at the first; the paper trains with
    0.1 (tiny), 0.4 (small) and 0.5 (base, large). `layer_scale=None` leaves γ out.

    Parameters: tiny 28,589,128, small 50,223,688, base 88,591,464, large 197,767,336 (29 M, 50 M,
    89 M and 198 M in the paper's table 1; xlarge 350 M). Multiply–adds for 224 × 224: 4.5 G, 8.7 G,
    15.4 G, 34.4 G.

    >>> convnext("tiny", blocks=(1, 1), filters=(16, 32), classes=10).output_shape((32, 32, 3))
    (10,)

    Shapes: [height, width, channels], sides that 32 divides -> [classes].

    Reference: Liu et al. 2022, arXiv:2201.03545.
    """
    check_variant("convnext.size", size, list(_SIZES))
    own_blocks, own_filters = _SIZES[size]
    counts, widths = tuple(blocks or own_blocks), tuple(filters or own_filters)
    drops = iter(rising(drop_path, sum(counts)))
    layers: list[Layer] = [
        Conv(widths[0], patch, stride=patch, initializer=_START),
        LayerNorm(epsilon=_EPSILON),
    ]
    for position, (count, width) in enumerate(zip(counts, widths, strict=True)):
        halve = [LayerNorm(epsilon=_EPSILON), Conv(width, 2, stride=2, initializer=_START)]
        stage = [_block(width, kernel, layer_scale, next(drops)) for _ in range(count)]
        row = [*(halve if position else ()), *in_a_row(stage)]
        layers.append(Sequence(*row, name=f"stage_{position + 1}"))
    layers += [GlobalAveragePool(), LayerNorm(epsilon=_EPSILON)]
    return Network(*layers, Dense(classes, initializer=_START), name=f"convnext_{size}")


def _block(width: int, kernel: int, layer_scale: float | None, drop_path: float) -> Row:
    layers: list[Layer] = [
        DepthwiseConv(kernel, padding="same", initializer=_START),
        LayerNorm(epsilon=_EPSILON),
        Dense(4 * width, activation="gelu", initializer=_START),
        Dense(width, initializer=_START),
    ]
    if layer_scale is not None:
        layers.append(LayerScale(layer_scale))
    if drop_path:
        layers.append(DropPath(drop_path))
    return (Residual(*layers),)
