"""The vision transformer: a picture as a sentence of patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranvier.spec import (
    ClassToken,
    Dense,
    Dropout,
    GlobalAveragePool,
    Initializer,
    Layer,
    LayerNorm,
    Network,
    PatchEmbedding,
    PositionEmbedding,
    Select,
    TransformerEncoder,
)
from ranvier.spec.architectures.blocks import Row, check_variant, in_a_row, rising
from ranvier.spec.architectures.registry import ready


@dataclass(frozen=True)
class _Size:
    units: int
    depth: int
    heads: int


Size = Literal["tiny", "small", "base", "large", "huge"]
_SIZES: dict[str, _Size] = {
    "tiny": _Size(192, 12, 3),
    "small": _Size(384, 12, 6),
    "base": _Size(768, 12, 12),
    "large": _Size(1024, 24, 16),
    "huge": _Size(1280, 32, 16),
}
_START = Initializer("truncated_normal", std=0.02)


@ready(
    vit_tiny={"size": "tiny"},
    vit_small={"size": "small"},
    vit_base={"size": "base"},
    vit_large={"size": "large"},
    vit_huge={"size": "huge", "patch": 14},
)
def vit(
    size: Size = "base",
    *,
    patch: int = 16,
    side: int = 224,
    units: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    hidden: int | None = None,
    classes: int = 1000,
    pool: Literal["token", "mean"] = "token",
    dropout: float = 0.0,
    drop_path: float = 0.0,
) -> Network:
    """ViT: patches of a picture as the words of a transformer, and a class token that reads them.

        224 × 224 ─ patches 16 × 16 ─ [class; patches] + positions ─ encoder × 12 ─ norm ─ Dense
        encoder: h = a + Attention(norm(a)),  h + FeedForward(norm(h))

    `size` names the paper's `units`, `depth` and `heads`, which may be given instead; `hidden` is 4
    times the units unless told. Positions are learnt for pictures of `side` × `side`. `pool="mean"`
    has no class token and averages the patches. `drop_path` rises from 0 to this share with the
    depth. Weights start as N(0, 0.02²) cut at two deviations, the last layer at zero.

    Parameters, patch 16: tiny 5,717,416, small 22,050,664 (DeiT's), base 86,567,656 (86 M in the
    paper's table 1), large 304,326,632 (307 M there); huge with patch 14 632,045,800 (632 M).
    Multiply–adds for 224 × 224: base 17.6 G.

    >>> vit("tiny", side=32, patch=8, depth=2, classes=10).output_shape((32, 32, 3))
    (10,)

    Shapes: [side, side, channels] -> [classes].

    Reference: Dosovitskiy et al. 2021, arXiv:2010.11929; Touvron et al. 2021, arXiv:2012.12877.
    """
    check_variant("vit.size", size, list(_SIZES))
    check_variant("vit.pool", pool, ["token", "mean"])
    own, has_token = _SIZES[size], pool == "token"
    width = units or own.units
    drops = rising(drop_path, depth or own.depth)
    blocks = [_block(heads or own.heads, hidden or 4 * width, dropout, drop) for drop in drops]
    layers: list[Layer] = [PatchEmbedding(width, patch=patch, initializer=_START)]
    if has_token:
        layers.append(ClassToken(initializer=_START))
    layers.append(PositionEmbedding((side // patch) ** 2 + has_token, initializer=_START))
    if dropout:
        layers.append(Dropout(dropout))
    layers += [*in_a_row(blocks), LayerNorm(epsilon=1e-6)]
    layers.append(Select(0) if has_token else GlobalAveragePool())
    return Network(*layers, Dense(classes, initializer="zeros"), name=f"vit_{size}")


def _block(heads: int, hidden: int, dropout: float, drop_path: float) -> Row:
    encoder = TransformerEncoder(
        heads,
        hidden,
        epsilon=1e-6,
        dropout=dropout,
        attention_dropout=0.0,
        drop_path=drop_path,
        initializer=_START,
    )
    return (encoder,)
