"""Texts read by convolutions or by a recurrence, to answer for the whole or word by word."""

from __future__ import annotations

from ranvier.spec.architectures.registry import ready
from ranvier.spec.graph import Aside
from ranvier.spec.initializers import Initializer
from ranvier.spec.joining import Parallel, Sequence
from ranvier.spec.layers.constraints import Constrained
from ranvier.spec.layers.convolution import Conv
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.embedding import Embedding
from ranvier.spec.layers.global_pooling import GlobalMaxPool
from ranvier.spec.layers.masking import MaskedFill, PaddingMask
from ranvier.spec.layers.recurrent import LSTM
from ranvier.spec.network import Network


@ready()
def text_cnn(
    *,
    vocabulary: int = 18_765,
    classes: int = 2,
    units: int = 300,
    filters: int = 100,
    kernels: tuple[int, ...] = (3, 4, 5),
    dropout: float = 0.5,
    max_norm: float | None = 3.0,
    padding: int = 0,
) -> Network:
    """Text CNN: filters look for phrases of a few words, wherever they stand.

        codes ─ Embedding 300 ─┬─ Conv 100, 3 words ─ max over words ─┐
                               ├─ Conv 100, 4 words ─ max over words ─┼─ Dropout ─ Dense 2
                               └─ Conv 100, 5 words ─ max over words ─┘

    `max_norm` bounds the weights of each class after an update (None: not). Places that hold the
    code `padding` count as zeros to the filters and are left out of the maximum, so that a text
    gives the same however far it is padded. The paper's "non-static" network with words that start
    at random; for "static" fill the embedding and put it into `Frozen`.

    Parameters: 5,990,402 with the 18,765 words of the paper's first data set (MR), of which
    5,629,500 are words'; the paper states no count.

    >>> text_cnn(vocabulary=1_000, classes=4).output_shape(40)
    (4,)

    Shapes: [places] codes -> [classes] logits.

    Reference: Kim 2014, arXiv:1408.5882.
    """
    looks = [
        Sequence(
            Conv(filters, kernel, padding="same", activation="relu"),
            GlobalMaxPool(mask="padding"),
            name=f"phrases_of_{kernel}",
        )
        for kernel in kernels
    ]
    head = Dense(classes)
    return Network(
        Aside(PaddingMask(padding), name="padding"),
        Embedding(vocabulary, units, initializer=Initializer("uniform", low=-0.25, high=0.25)),
        MaskedFill(mask="padding"),
        Parallel(*looks),
        Dropout(dropout),
        head if max_norm is None else Constrained(head, "max_norm", limit=max_norm),
        name="text_cnn",
    )


@ready(bilstm_tagger={"each_place": True})
def bilstm(
    *,
    vocabulary: int = 20_000,
    outputs: int = 2,
    units: int = 128,
    hidden: int = 128,
    layers: int = 2,
    each_place: bool = False,
    dropout: float = 0.5,
    padding: int = 0,
) -> Network:
    """BiLSTM: reads a text in both directions, and answers for the whole or for every word.

        codes ─ Embedding 128 ─ LSTM 128 ⇄ × 2 ─ Dropout ─ Dense
                                               └ the last output of both directions, or every one

    With `each_place` it is a tagger: an output for every word. Places that hold the code `padding`
    leave the state as it is, so that a text gives the same however far it is padded.

    Parameters: 3,219,970 as it stands: vocabulary · units, for each layer 8 hidden (width + hidden
    + 2), and (2 hidden + 1) outputs. torch's two biases per gate are counted, of which textbooks
    have one.

    >>> bilstm(vocabulary=1_000, outputs=9, each_place=True).output_shape(40)
    (40, 9)

    Shapes: [places] codes -> [outputs] logits, with `each_place` [places, outputs].

    Reference: Graves & Schmidhuber 2005, Neural Networks 18; Huang, Xu & Yu 2015,
        arXiv:1508.01991.
    """
    return Network(
        Aside(PaddingMask(padding), name="padding"),
        Embedding(vocabulary, units),
        LSTM(
            hidden,
            layers=layers,
            bidirectional=True,
            sequence=each_place,
            dropout=dropout if layers > 1 else 0.0,
            mask="padding",
        ),
        Dropout(dropout),
        Dense(outputs),
        name="bilstm",
    )
