"""The diffusion transformer: which noise a picture holds, told the time and the class."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Literal

from ranvier.spec import (
    Activation,
    AdaptiveNorm,
    AdaptiveScale,
    CodeDropout,
    Dense,
    Embedding,
    FeedForward,
    GridPositions,
    Initializer,
    Join,
    Layer,
    MultiHeadAttention,
    Network,
    PatchEmbedding,
    PixelShuffle,
    Reshape,
    Residual,
    SinusoidalEmbedding,
    Take,
)
from ranvier.spec.architectures.blocks import Row, check_variant, in_a_row
from ranvier.spec.architectures.registry import ready


@dataclass(frozen=True)
class _Size:
    units: int
    depth: int
    heads: int


Size = Literal["small", "base", "large", "xlarge"]
_SIZES: dict[str, _Size] = {
    "small": _Size(384, 12, 6),
    "base": _Size(768, 12, 12),
    "large": _Size(1024, 24, 16),
    "xlarge": _Size(1152, 28, 16),
}
_SMALL = Initializer("normal", std=0.02)


@ready(**{f"dit_{size}": {"size": size} for size in _SIZES})
def dit(
    size: Size = "xlarge",
    *,
    patch: int = 2,
    shape: Several[int] = (32, 32, 4),
    classes: int = 1000,
    units: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    hidden: int | None = None,
    waves: int = 256,
    label_dropout: float = 0.1,
    learn_variance: bool = True,
) -> Network:
    """DiT: a transformer over patches, each of whose norms and ways around a condition steers.

        time ─ waves ─ Dense ─ Dense ┐
        label ─ Embedding ───────────┴ + ─ silu = condition
        picture ─ patches + positions ─ block × 28 ─ norm ─ Dense ─▶ noise, variance
        block: h = a + α₁ ⊙ Attention(norm(a)),  h + α₂ ⊙ FeedForward(norm(h)),
               the scales and shifts of the norms, and α, linear in the condition

    Inputs, in this order: `picture`, of the given `shape` (by default the paper's latent of a 256 ×
    256 picture); `time`, a number of steps such as 0 to 999; `label`, a class. In training a label
    is forgotten with probability `label_dropout`: it becomes `classes`, which is also what to ask
    with for "no class". With `learn_variance` the output has twice the channels of the picture, the
    noise first. `size` names the paper's `units`, `depth` and `heads`, which may be given instead.
    All α and the last layer start at zero.

    Parameters, patch 2: small 32,865,056, base 130,315,808, large 457,840,672, xlarge 674,834,720
    (33, 130, 458 and 675 M in the paper's table 4). Multiply–adds: 6.1, 23.1, 80.9, 118.8 G (6.06,
    23.01, 80.71 and 118.64 there).

    >>> dit("small", shape=(8, 8, 1), depth=1, classes=10).output_shape(
    ...     {"picture": (8, 8, 1), "time": (), "label": ()})
    (8, 8, 2)

    Shapes: [height, width, channels], [], [] -> [height, width, 2 channels].

    Reference: Peebles & Xie 2023, arXiv:2212.09748.
    """
    check_variant("dit.size", size, list(_SIZES))
    own, (height, across, channels) = _SIZES[size], shape
    width = units or own.units
    rows, columns = height // patch, across // patch
    block = _block(heads or own.heads, hidden or 4 * width)
    outputs = (2 if learn_variance else 1) * channels
    return Network(
        *_condition(width, waves, classes, label_dropout),
        Take("picture"),
        PatchEmbedding(width, patch=patch, initializer="glorot_uniform"),
        GridPositions(columns),
        *in_a_row([block] * (depth or own.depth)),
        AdaptiveNorm(condition="condition"),
        Dense(patch * patch * outputs, initializer="zeros"),
        Reshape((rows, columns, patch * patch * outputs)),
        PixelShuffle(patch),
        inputs=("picture", "time", "label"),
        name=f"dit_{size}",
    )


def _condition(width: int, waves: int, classes: int, label_dropout: float) -> list[Layer]:
    forget = [CodeDropout(label_dropout, code=classes)] if label_dropout else []
    return [
        Take("time"),
        SinusoidalEmbedding(waves),
        Dense(width, activation="silu", initializer=_SMALL),
        Dense(width, initializer=_SMALL, name="moment"),
        Take("label"),
        *forget,
        Embedding(classes + (label_dropout > 0), width, initializer=_SMALL),
        Join("sum", also=("moment",)),
        Activation("silu", name="condition"),
    ]


def _block(heads: int, hidden: int) -> Row:
    glorot = Initializer("glorot_uniform")
    return (
        Residual(
            AdaptiveNorm(condition="condition"),
            MultiHeadAttention(heads, initializer=glorot),
            AdaptiveScale(condition="condition"),
        ),
        Residual(
            AdaptiveNorm(condition="condition"),
            FeedForward(hidden, activation="gelu_tanh", initializer=glorot),
            AdaptiveScale(condition="condition"),
        ),
    )
