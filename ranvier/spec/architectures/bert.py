"""BERT: an encoder that reads a text in both directions, to be made use of in many ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ranvier.core.errors import NetworkError
from ranvier.spec.architectures.registry import ready
from ranvier.spec.graph import Aside, Join, Take, TiedDense
from ranvier.spec.initializers import Initializer
from ranvier.spec.joining import Repeat
from ranvier.spec.layer import Layer
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.embedding import Embedding
from ranvier.spec.layers.masking import PaddingMask, Select
from ranvier.spec.layers.normalization import LayerNorm
from ranvier.spec.layers.positions import PositionEmbedding
from ranvier.spec.layers.transformer import TransformerEncoder
from ranvier.spec.network import Network

Output = Literal["places", "pooled", "scores"]
_OUTPUTS = ("places", "pooled", "scores")
_START = Initializer("normal", std=0.02)


@ready(
    bert_base={},
    bert_large={"layers": 24, "units": 1_024, "heads": 16},
    minilm_l6={"layers": 6, "units": 384, "heads": 12},
    minilm_l12={"layers": 12, "units": 384, "heads": 12},
)
def bert(
    *,
    vocabulary: int = 30_522,
    length: int = 512,
    layers: int = 12,
    units: int = 768,
    heads: int = 12,
    hidden: int | None = None,
    segments: int = 2,
    outputs: Sequence[Output] = ("places",),
    activation: str = "gelu",
    dropout: float = 0.1,
    epsilon: float = 1e-12,
    padding: int = 0,
) -> Network:
    """BERT: every place of a text is told by all others, before and after it.

        codes    ─ Embedding ─ + positions ─┐
        segments ─ Embedding ───────────────┴─ norm ─ Dropout ─ [block] × 12 ─ places
        block: h = norm(a + Attention(a)),  norm(h + FeedForward(h))

    Two inputs: `codes`, and `segments`, which say of which text a place is, 0 or 1; with
    `segments=0` there is one input alone. `outputs` names what it gives, in this order: "places",
    the features of all places; "pooled", tanh(W · the first place + b), of the whole; "scores",
    logits of the word at each place, by which it is pre-trained on masked words. Places that hold
    the code `padding` are attended to by nobody.

    `hidden` is 4 times the units unless told.

    Parameters with `outputs=("places", "pooled")`, as the published checkpoints have them:
    bert_base 109,482,240 (110 M in the paper), bert_large 335,141,888 (340 M), minilm_l6
    22,713,216. With `outputs=("scores",)` bert_base has 109,514,298. Published weights go by the
    names in `ranvier.nn.published.BERT`.

    >>> bert(outputs=("places", "pooled")).describe(input=[(512,), (512,)]).parameters
    109482240

    Shapes: [places] codes, [places] segments -> [places, units], [units], [places, vocabulary].

    Reference: Devlin et al. 2019, arXiv:1810.04805; Wang et al. 2020, arXiv:2002.10957 (MiniLM).
    """
    _check_outputs(outputs)
    block = TransformerEncoder(
        heads,
        hidden or 4 * units,
        order="post",
        epsilon=epsilon,
        feed_forward=activation,
        dropout=dropout,
        feed_forward_dropout=0.0,
        initializer=_START,
        mask="padding",
        name="block",
    )
    return Network(
        *_embedded(vocabulary, length, units, segments, padding),
        LayerNorm(epsilon=epsilon, name="norm"),
        *([Dropout(dropout)] if dropout else []),
        Repeat(block, times=layers, name="places"),
        *_answers(outputs, units, epsilon),
        inputs=("codes", "segments") if segments else ("codes",),
        name="bert",
    )


def _embedded(vocabulary: int, length: int, units: int, segments: int, padding: int) -> list[Layer]:
    """Words, positions and segments, added up."""
    row: list[Layer] = [
        Aside(PaddingMask(padding), name="padding"),
        Embedding(vocabulary, units, initializer=_START, name="words"),
        PositionEmbedding(length, initializer=_START, name="positions"),
    ]
    if not segments:
        return row
    segment = Embedding(segments, units, initializer=_START, name="segment")
    return [Take("segments"), segment, Take("codes"), *row, Join("sum", also=("segment",))]


def _answers(outputs: Sequence[Output], units: int, epsilon: float) -> list[Layer]:
    """What is made of the places, in the order in which it was asked for."""
    pooled = [
        Select(0, name="first"),
        Dense(units, activation="tanh", initializer=_START, name="pooled"),
    ]
    scores = [
        Dense(units, activation="gelu", initializer=_START, name="transform"),
        LayerNorm(epsilon=epsilon, name="transform_norm"),
        TiedDense("words", bias=True, name="scores"),
    ]
    made = {"places": [], "pooled": pooled, "scores": scores}
    if len(outputs) == 1:
        return made[outputs[0]]
    row: list[Layer] = []
    for name in outputs:
        row += [Take("places"), *made[name]] if made[name] else []
    return [*row, Take(*outputs)]


def _check_outputs(outputs: Sequence[Output]) -> None:
    unknown = [name for name in outputs if name not in _OUTPUTS]
    if unknown or not outputs or isinstance(outputs, str):
        raise NetworkError(
            f"bert.outputs: got {outputs!r}; expected one or more of {', '.join(_OUTPUTS)}, in a "
            "tuple."
        )
