"""Language models: each place tells which word comes next, of those before it alone."""

from __future__ import annotations

from typing import Any, Literal

from ranvier.spec.architectures.registry import ready
from ranvier.spec.graph import Aside, TiedDense
from ranvier.spec.initializers import Initializer
from ranvier.spec.joining import Repeat, Residual
from ranvier.spec.layer import Layer
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.embedding import Embedding
from ranvier.spec.layers.masking import PaddingMask
from ranvier.spec.layers.normalization import LayerNorm, RMSNorm
from ranvier.spec.layers.positions import PositionEmbedding
from ranvier.spec.layers.relative import Relative, Rotary
from ranvier.spec.layers.state_space import SelectiveStateSpace
from ranvier.spec.layers.transformer import TransformerEncoder
from ranvier.spec.network import Network

_START = Initializer("normal", std=0.02)

# What language models since about 2023 have in common, Llama's way.
_MODERN: dict[str, Any] = {
    "positions": "rotary",
    "normalisation": "rms",
    "feed_forward": "swiglu",
    "bias": False,
    "dropout": 0.0,
}


@ready(
    gpt2={},
    gpt2_medium={"layers": 24, "units": 1_024, "heads": 16},
    gpt2_large={"layers": 36, "units": 1_280, "heads": 20},
    gpt2_xl={"layers": 48, "units": 1_600, "heads": 25},
    gpt_micro={"layers": 4, "units": 128, "heads": 4, "length": 128},
    gpt_nano={"layers": 3, "units": 48, "heads": 3, "length": 64},
    smollm_135m=_MODERN
    | {"vocabulary": 49_152, "length": 2_048, "layers": 30, "units": 576, "heads": 9}
    | {"kv_heads": 3, "hidden": 1_536},
    tinyllama_1b=_MODERN
    | {"vocabulary": 32_000, "length": 2_048, "layers": 22, "units": 2_048, "heads": 32}
    | {"kv_heads": 4, "hidden": 5_632, "tied": False},
    llama2_7b=_MODERN
    | {"vocabulary": 32_000, "length": 4_096, "layers": 32, "units": 4_096, "heads": 32}
    | {"hidden": 11_008, "tied": False},
    llama3_8b=_MODERN
    | {"vocabulary": 128_256, "length": 8_192, "layers": 32, "units": 4_096, "heads": 32}
    | {"kv_heads": 8, "hidden": 14_336, "tied": False, "positions": Rotary(base=5e5)},
)
def gpt(
    *,
    vocabulary: int = 50_257,
    length: int = 1_024,
    layers: int = 12,
    units: int = 768,
    heads: int = 12,
    kv_heads: int | None = None,
    hidden: int | None = None,
    positions: Relative | str = "learnt",
    normalisation: Literal["layer", "rms"] = "layer",
    feed_forward: str = "gelu_tanh",
    bias: bool = True,
    window: int | None = None,
    tied: bool = True,
    dropout: float = 0.1,
    padding: int | None = None,
) -> Network:
    """GPT: a tower of causal transformer blocks that predicts the next word at every place.

        codes ─ Embedding + positions ─ Dropout ─ [block] × 12 ─ norm ─ the words' own weights again
        block: h = a + CausalAttention(norm(a)),  h + FeedForward(norm(h))

    As it stands GPT-2 small. `positions` are "learnt" for up to `length` places, or one of
    attention's kinds, such as "rotary" or `Rotary(base=5e5)`, for which `length` means nothing.
    `hidden` is 4 times the units unless told; `feed_forward` an activation, or "swiglu", "geglu",
    "reglu", "glu" for a gated one. `tied`: words are written with the weights that read them.
    `padding` is the code of places that nobody may attend to, where there is one; words that follow
    each other from the first place on need none.

    The modern variant: `positions="rotary", normalisation="rms", feed_forward="swiglu",
    kv_heads=…, bias=False`.

    Parameters, as the published checkpoints have them: gpt2 124,439,808 (117 M in the paper, which
    was a slip), gpt2_medium 354,823,168, gpt2_large 774,030,080, gpt2_xl 1,557,611,200,
    smollm_135m 134,515,008, tinyllama_1b 1,100,048,384, llama2_7b 6,738,415,616, llama3_8b
    8,030,261,248. Published weights go by the names in `ranvier.nn.published.GPT2` and `LLAMA`.

    >>> gpt().describe(input=1024).parameters
    124439808

    Shapes: [places] codes -> [places, vocabulary] logits.

    Reference: Radford et al. 2019, Language models are unsupervised multitask learners; Touvron et
        al. 2023, arXiv:2302.13971 (the modern variant).
    """
    block = TransformerEncoder(
        heads,
        hidden or 4 * units,
        normalisation=normalisation,
        feed_forward=feed_forward,
        causal=True,
        window=window,
        kv_heads=kv_heads,
        positions=None if positions == "learnt" else positions,
        bias=bias,
        dropout=dropout,
        feed_forward_dropout=0.0,
        initializer=_START,
        mask=None if padding is None else "padding",
        name="block",
    )
    before = _placed(length if positions == "learnt" else None, dropout)
    norm = (LayerNorm if normalisation == "layer" else RMSNorm)(epsilon=1e-5, name="norm")
    mask = [] if padding is None else [Aside(PaddingMask(padding), name="padding")]
    tower = _tower(vocabulary, units, before, block, layers, norm, tied)
    return Network(*mask, *tower, name="gpt")


@ready(
    mamba_130m={},
    mamba_370m={"layers": 48, "units": 1_024},
    mamba_790m={"layers": 48, "units": 1_536},
    mamba_1b={"layers": 48, "units": 2_048},
    mamba_3b={"layers": 64, "units": 2_560},
)
def mamba(
    *,
    vocabulary: int = 50_280,
    layers: int = 24,
    units: int = 768,
    state: int = 16,
    expand: int = 2,
    kernel: int = 4,
    epsilon: float = 1e-5,
    tied: bool = True,
) -> Network:
    """Mamba: a language model of selective state spaces, whose cost grows as the length does.

        codes ─ Embedding ─ [a + SelectiveStateSpace(RMSNorm(a))] × 24 ─ RMSNorm ─ words' weights

    What it knows of the past is a state of fixed size: `streaming` keeps that and nothing else.

    Parameters, as the published checkpoints have them: mamba_130m 129,135,360, mamba_370m
    371,516,416, mamba_790m 793,204,224, mamba_1b (1.4b) 1,372,178,432, mamba_3b (2.8b)
    2,768,345,600. Published weights go by the names in `ranvier.nn.published.MAMBA`.

    >>> mamba().describe(input=16).parameters
    129135360

    Shapes: [places] codes -> [places, vocabulary] logits.

    Reference: Gu & Dao 2023, arXiv:2312.00752.
    """
    block = Residual(
        RMSNorm(epsilon=epsilon, name="norm"),
        SelectiveStateSpace(units, state=state, expand=expand, kernel=kernel, name="mixer"),
        name="block",
    )
    norm = RMSNorm(epsilon=epsilon, name="norm")
    return Network(*_tower(vocabulary, units, [], block, layers, norm, tied), name="mamba")


def _placed(length: int | None, dropout: float) -> list[Layer]:
    """Positions, where they are learnt, and dropout, where there is any."""
    positions = PositionEmbedding(length, initializer=_START, name="positions") if length else None
    return [layer for layer in (positions, Dropout(dropout) if dropout else None) if layer]


def _tower(
    vocabulary: int,
    units: int,
    before: list[Layer],
    block: Layer,
    layers: int,
    norm: Layer,
    tied: bool,
) -> list[Layer]:
    """Words as features, so many blocks, a norm, and logits of the next word."""
    return [
        Embedding(vocabulary, units, initializer=_START, name="words"),
        *before,
        Repeat(block, times=layers, name="blocks"),
        norm,
        TiedDense("words", name="head") if tied else Dense(vocabulary, bias=False, name="head"),
    ]
