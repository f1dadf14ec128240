"""The encoder–decoder transformer: one sequence is read whole, another written word by word."""

from __future__ import annotations

import math
from typing import Any, Literal

from ranvier.spec.architectures.registry import ready
from ranvier.spec.graph import Again, Aside, Take, TiedDense
from ranvier.spec.initializers import Initializer
from ranvier.spec.joining import Repeat, Sequence
from ranvier.spec.layer import Layer
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.embedding import Embedding
from ranvier.spec.layers.masking import PaddingMask
from ranvier.spec.layers.normalization import LayerNorm
from ranvier.spec.layers.positions import SinusoidalPositions
from ranvier.spec.layers.preprocessing import Rescaling
from ranvier.spec.layers.transformer import TransformerDecoder, TransformerEncoder
from ranvier.spec.network import Network


@ready(
    transformer_base={},
    transformer_big={"units": 1_024, "hidden": 4_096, "heads": 16, "dropout": 0.3},
)
def transformer(
    *,
    vocabulary: int = 37_000,
    layers: int = 6,
    decoder_layers: int | None = None,
    units: int = 512,
    hidden: int = 2_048,
    heads: int = 8,
    order: Literal["pre", "post"] = "post",
    feed_forward: str = "relu",
    bias: bool = True,
    dropout: float = 0.1,
    epsilon: float = 1e-6,
    padding: int = 0,
) -> Network:
    """Transformer: an encoder reads the source, a decoder writes the target and asks what was read.

        source ─ Embedding·√d + waves ─ [encoder block] × 6 ──┐ memory
        target ─ same words·√d + waves ─ [decoder block] × 6 ─┴─ the words' own weights again
        encoder block: h = norm(a + Attention(a)), norm(h + FF(h))
        decoder block: h = norm(a + Causal(a)), g = norm(h + Attention(h, memory)), norm(g + FF(g))

    Inputs `source` and `target`, the target one place later than what it is to predict. One matrix
    of words serves source, target and output. Places that hold the code `padding` are attended to
    by nobody. `decoder_layers` are as many as `layers` unless told. With `order="pre"` a last norm
    stands after each row of blocks. To write word by word without reading the old ones again, go
    on in `streaming(module.decoder)`, each time with the source and the newest word.

    Parameters with the paper's shared vocabulary of about 37,000: base 63,082,496 (65 M in the
    paper's table 3), big 214,245,376 (213 M there). The paper does not say its vocabulary to the
    word, nor which maps have biases; without those of attention (`bias=False` takes the
    feed-forward's too) its own code counts fewer.

    >>> transformer(vocabulary=100, units=32, heads=4, layers=2).output_shape([(9,), (7,)])
    (7, 100)

    Shapes: [S] source codes, [T] target codes -> [T, vocabulary] logits.

    Reference: Vaswani et al. 2017, arXiv:1706.03762.
    """
    block: dict[str, Any] = {
        "order": order,
        "epsilon": epsilon,
        "feed_forward": feed_forward,
        "bias": bias,
        "dropout": dropout,
        "attention_dropout": 0.0,
        "feed_forward_dropout": 0.0,
        "name": "block",
    }
    encoder = TransformerEncoder(heads, hidden, mask="source_padding", **block)
    asked: dict[str, Any] = {"memory": "memory", "memory_mask": "source_padding"}
    decoder = TransformerDecoder(heads, hidden, mask="target_padding", **asked, **block)
    start = Initializer("normal", std=units**-0.5)
    words = Embedding(vocabulary, units, initializer=start, name="words")
    ends = [LayerNorm(epsilon=epsilon)] if order == "pre" else []
    target = _read("target", padding, Again("words"), units, dropout)
    return Network(
        *_read("source", padding, words, units, dropout),
        Sequence(Repeat(encoder, times=layers), *ends, name="memory"),
        Sequence(*target, Repeat(decoder, times=decoder_layers or layers), *ends, name="decoder"),
        TiedDense("words", name="head"),
        inputs=("source", "target"),
        name="transformer",
    )


def _read(name: str, padding: int, words: Layer, units: int, dropout: float) -> list[Layer]:
    """A text by its name: where it is padded, its words, where they stand."""
    return [
        Take(name),
        Aside(PaddingMask(padding), name=f"{name}_padding"),
        words,
        Rescaling(math.sqrt(units)),
        SinusoidalPositions(),
        *([Dropout(dropout)] if dropout else []),
    ]
