"""Compact residual networks: what a processor trains in minutes."""

from __future__ import annotations

from ranvier.core.errors import NetworkError
from ranvier.spec import Dense, Dropout, GlobalAveragePool, Layer, Network, Residual, Sequence
from ranvier.spec.architectures.registry import ready
from ranvier.spec.architectures.resnet import bent, convolution


@ready()
def compact_resnet(
    filters: int = 32,
    *,
    halvings: int = 1,
    stages: int = 2,
    blocks: int = 1,
    classes: int = 10,
    dropout: float = 0.0,
) -> Network:
    """Compact ResNet: a narrow stem makes the picture small at once, and stages widen it.

        28 × 28 ─ stem: Conv 32, stride 2 ─ 14 × 14 ─ stage 64 ─ 7 × 7 ─ stage 128 ─ mean ─ Dense
        stage: unit, (a + unit(unit(a))) × blocks,  unit = Conv 3 × 3 ─ norm ─ relu

    After DAWNBench's ResNet-9: a stage widens by a plain convolution, which strides but in the
    first stage, so that no shortcut has weights, and nothing is bent after the sum. Convolutions at
    full resolution, of few filters each, would take most of the time for little of the accuracy; so
    the stem halves the picture `halvings` times, first with `filters` and then with 2 · `filters`,
    as many as the first of the `stages` has; with none it only looks. Each further stage doubles
    them. `dropout` is before the last layer.

    >>> compact_resnet(32).output_shape((28, 28, 1))
    (10,)

    Shapes: [height, width, channels] -> [classes].

    Raises:
        NetworkError: for less than one stage or filter.

    Reference: Coleman et al. 2017, DAWNBench, and Page's entry of 2018, How to Train Your ResNet;
    He et al. 2016, arXiv:1512.03385.
    """
    for name, value in (("filters", filters), ("stages", stages)):
        if value < 1:
            raise NetworkError(
                f"compact_resnet.{name}: got {value}; expected at least 1. Leave it out for the "
                "usual number."
            )
    stem = [_unit(filters, stride=2 if halvings else 1)]
    stem += [_unit(2 * filters, stride=2) for _ in range(halvings - 1)]
    layers: list[Layer] = [Sequence(*(layer for unit in stem for layer in unit), name="stem")]
    for i in range(stages):
        width = 2 * filters * 2**i
        row = [Residual(*_unit(width), *_unit(width)) for _ in range(blocks)]
        layers.append(Sequence(*_unit(width, stride=2 if i else 1), *row, name=f"stage_{i + 1}"))
    layers += [GlobalAveragePool(), *[Dropout(dropout)] * (dropout > 0), Dense(classes)]
    return Network(*layers, name=f"compact_resnet{filters}")


def _unit(filters: int, *, stride: int = 1) -> list[Layer]:
    return [convolution(filters, 3, stride), *bent()]
