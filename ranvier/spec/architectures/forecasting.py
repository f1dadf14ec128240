"""Forecasters: a stretch of the past goes in, the next places come out."""

from __future__ import annotations

from collections.abc import Sequence as Many
from itertools import groupby

from ranvier.spec.architectures.registry import ready
from ranvier.spec.graph import Again, Aside, Pick, Take
from ranvier.spec.initializers import Initializer
from ranvier.spec.joining import Repeat, Residual, Sequence
from ranvier.spec.layer import Layer
from ranvier.spec.layers.attention import MultiHeadAttention
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.feed_forward import FeedForward
from ranvier.spec.layers.normalization import BatchNorm
from ranvier.spec.layers.padding import Pad
from ranvier.spec.layers.patches import SeriesPatches
from ranvier.spec.layers.positions import PositionEmbedding
from ranvier.spec.layers.reshaping import Flatten, Permute, RepeatVector, Reshape, Slice
from ranvier.spec.layers.series import Basis, BasisBlock, DoublyResidual, ReversibleNorm
from ranvier.spec.layers.time_distributed import TimeDistributed
from ranvier.spec.network import Network


@ready(
    patch_tst_42={},
    patch_tst_64={"length": 512},
    patch_tst_small={"units": 16, "heads": 4, "hidden": 128, "dropout": 0.3},
)
def patch_tst(
    *,
    length: int = 336,
    horizon: int = 96,
    patch: int = 16,
    stride: int = 8,
    layers: int = 3,
    units: int = 128,
    heads: int = 16,
    hidden: int = 256,
    dropout: float = 0.2,
    head_dropout: float = 0.0,
    reversible: bool = True,
) -> Network:
    """PatchTST: a series as a sentence of patches, every series by itself, all with one encoder.

        [L, C] ─ level and size aside ─ each series: patches 16, every 8 ─ Dense 128 + positions ─
                 [encoder block] × 3 ─ Flatten ─ Dense 96 ─ level and size back ─ [96, C]
        block: h = norm(a + Attention(a)),  norm(h + FF(h)),  norm: BatchNorm

    The last value is repeated once more by `stride`, so that the end is in two patches too.
    `reversible` sets each series' mean and size aside and gives them back at the end.

    Differs from the reference code: scores of attention are not handed on from block to block (it
    has no weights for that), and gradients go through mean and size.

    Parameters for any number of series: patch_tst_42 921,184 and patch_tst_64 (length 512)
    1,194,336 at horizon 96, patch_tst_small 81,728, as the reference code counts them; the paper
    states none.

    >>> patch_tst().output_shape((336, 7))
    (96, 7)

    Shapes: [length, series] -> [horizon, series].

    Reference: Nie et al. 2023, arXiv:2211.14730.
    """
    places = (length - patch) // stride + 2
    block = [
        Residual(MultiHeadAttention(heads), Dropout(dropout), name="attention"),
        BatchNorm(name="attention_norm"),
        Residual(FeedForward(hidden, dropout=dropout), Dropout(dropout), name="feed_forward"),
        BatchNorm(name="feed_forward_norm"),
    ]
    each: list[Layer] = [
        Reshape((-1, 1)),
        Pad(((0, stride),), mode="replicate"),
        SeriesPatches(patch, stride=stride),
        Dense(units, name="patches"),
        PositionEmbedding(places, initializer=Initializer("uniform", low=-0.02, high=0.02)),
        Dropout(dropout),
        Repeat(block, times=layers, name="blocks"),
        Flatten(),
        *([Dropout(head_dropout)] if head_dropout else []),
        Dense(horizon, name="head"),
    ]
    rows = [
        Permute((1, 0)),
        TimeDistributed(Sequence(*each), name="each_series"),
        Permute((1, 0)),
    ]
    return Network(*([ReversibleNorm(*rows)] if reversible else rows), name="patch_tst")


@ready(
    n_beats_generic={},
    n_beats_interpretable={"stacks": ("trend", "seasonality"), "blocks": 3, "shared": True},
)
def n_beats(
    *,
    horizon: int = 18,
    stacks: Many[Basis] = ("generic",) * 30,
    blocks: int = 1,
    layers: int = 4,
    units: int = 512,
    trend_units: int = 256,
    seasonality_units: int = 2_048,
    degree: int = 2,
    harmonics: int = 1,
    shared: bool = False,
) -> Network:
    """N-BEATS: each block explains a part of the series, and leaves the rest to those after it.

        series ─ [x ← x − b, y ← y + f;  b, f: what a block makes of x and of what follows] × 30 ─ y
        block: Dense 512, relu, × 4 ─ Dense ─ coefficients of curves

    `stacks` names the curves of each stack: "generic", learnt; "trend", polynomials up to `degree`;
    "seasonality", waves. Each stack has `blocks` blocks, which with `shared` have the same weights.
    The forecast starts at the last value. The series should be positive and of size about 1, or be
    divided by its mean, as a forecast of N-BEATS is as large as what it reads.

    Parameters for L places of past and H of future, one generic block of width u: (L + 1) u +
    3 (u² + u) + (u + 1)(L + H); n_beats_generic with H = 18, L = 90: 26,698,920, and
    n_beats_interpretable 13,071,402, as the reference code counts them; the paper states none.

    >>> n_beats(horizon=6, units=32).output_shape(24)
    (6,)

    Shapes: [L] -> [horizon].

    Reference: Oreshkin et al. 2020, arXiv:1905.10437.
    """
    widths = {"generic": units, "trend": trend_units, "seasonality": seasonality_units}
    rows: list[Layer] = []
    for basis, equal in groupby(stacks):
        inside = BasisBlock(
            horizon,
            hidden=widths[basis],
            layers=layers,
            basis=basis,
            degree=degree,
            harmonics=harmonics,
            name="block",
        )
        count = len(list(equal))
        if shared:
            for _ in range(count):
                name = f"stack_{len(rows)}"
                rows += [DoublyResidual(inside, name=name), *[Again(name)] * (blocks - 1)]
        else:
            residual = DoublyResidual(inside, name="residual")
            rows.append(Repeat(residual, times=count * blocks, name=f"stack_{len(rows)}"))
    return Network(
        Aside(Slice(-1), RepeatVector(horizon), Flatten(), name="level"),
        Take("input", "level"),
        *rows,
        Pick(1),
        name="n_beats",
    )
