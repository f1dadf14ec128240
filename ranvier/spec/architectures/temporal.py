"""The temporal convolutional network: causal convolutions that see twice as far at each level."""

from __future__ import annotations

from ranvier.spec.architectures.registry import ready
from ranvier.spec.joining import Parallel, Residual, Sequence
from ranvier.spec.layer import Layer
from ranvier.spec.layers.activation import Activation
from ranvier.spec.layers.convolution import Conv
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.layers.masking import Select
from ranvier.spec.layers.reparametrization import WeightNorm
from ranvier.spec.network import Network


@ready(tcn_adding={"features": 2, "outputs": 1, "filters": 24, "levels": 8, "kernel": 8})
def tcn(
    *,
    features: int = 1,
    outputs: int = 10,
    filters: int = 25,
    levels: int = 8,
    kernel: int = 7,
    dropout: float = 0.05,
    each_place: bool = False,
) -> Network:
    """TCN: residual blocks of dilated convolutions see far back, and no place sees a later one.

        series ─ [block, dilation 1] ─ [block, dilation 2] ─ [4] ─ … ─ [128] ─ last place ─ Dense
        block: relu(a + F(a)),  F: twice (Conv, weights normed ─ relu ─ Dropout)

    A place sees 1 + 2 (kernel − 1)(2^levels − 1) places back and itself: 3,061 as it stands.
    `features` says how many come, since the first block has a map beside it (a convolution of one
    place) where they are not as many as the `filters`. With `each_place` there is an output for
    every place, not for the last alone.

    Parameters: 66,910 for pictures read pixel by pixel, as it stands; the paper says ≈ 70 K.
    tcn_adding, for the adding problem with 600 numbers, has 70,369 (≈ 70 K there too).

    >>> tcn().describe(input=(784, 1)).parameters
    66910

    Shapes: [places, features] -> [outputs], with `each_place` [places, outputs].

    Reference: Bai, Kolter & Koltun 2018, arXiv:1803.01271, table 1 and its appendix.
    """
    rows: list[Layer] = []
    for level in range(levels):
        inner: list[Layer] = []
        for _ in range(2):
            convolution = Conv(
                filters, kernel, padding="causal", dilation=2**level, activation="relu"
            )
            inner += [WeightNorm(convolution), *([Dropout(dropout)] if dropout else [])]
        if level == 0 and features != filters:
            around: Layer = Parallel(Sequence(*inner), Conv(filters, 1), join="sum", name="sum")
        else:
            around = Residual(*inner, name="sum")
        rows.append(Sequence(around, Activation("relu"), name=f"level_{level}"))
    last = [] if each_place else [Select(-1)]
    return Network(*rows, *last, Dense(outputs), name="tcn")
