"""LeNet-5: the convolutional network that read cheques."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ranvier.spec import Activation, AveragePool, Conv, Dense, Flatten, Layer, MaxPool, Network
from ranvier.spec.architectures.blocks import check_variant
from ranvier.spec.architectures.registry import ready


@ready(lenet5={})
def lenet(
    *,
    classes: int = 10,
    filters: Sequence[int] = (6, 16),
    kernel: int = 5,
    padding: int = 2,
    units: Sequence[int] = (120, 84),
    activation: str | Activation = "tanh",
    pool: Literal["average", "max"] = "average",
) -> Network:
    """LeNet-5: convolutions that widen as pooling halves the picture, then dense layers.

        28 × 28 ─ Conv 6 ─ pool ─ Conv 16 ─ pool ─ Dense 120 ─ Dense 84 ─ Dense 10

    Only the first convolution is padded, which makes the paper's 32 × 32 pixels of MNIST's 28 × 28;
    with pictures of 32 × 32 take `padding=0`.

    61,706 parameters in this, the common form. The paper counts 60,000: there pooling has a scale
    and a bias, the second convolution leaves some connections out, and the last layer measures
    distances to fixed codes.

    >>> lenet().describe(input=(28, 28, 1)).parameters
    61706

    Shapes: [height, width, channels] -> [classes].

    Reference: LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11), sec. II.B.
    """
    check_variant("lenet.pool", pool, ["average", "max"])
    halve = AveragePool(2) if pool == "average" else MaxPool(2)
    layers: list[Layer] = []
    for position, count in enumerate(filters):
        around = 0 if position else padding
        layers += [Conv(count, kernel, padding=around, activation=activation), halve]
    layers.append(Flatten())
    layers += [Dense(count, activation=activation) for count in units]
    return Network(*layers, Dense(classes), name="lenet")
