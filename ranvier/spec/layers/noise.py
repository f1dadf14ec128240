"""Noise while training: what a network learns must hold for inputs a little beside the given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Positive, Share
from ranvier.spec.layer import Family, Layer, elementwise


class _Blurs:
    """What the kinds share: the shape stays, at two operations per number."""

    family: ClassVar[Family] = "regularisation"

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)


@dataclass(frozen=True)
class GaussianNoise(_Blurs, Layer):
    """Adds a normal draw to every number in training; does nothing in evaluation.

        a⁽ˡ⁾ = a⁽ˡ⁻¹⁾ + n,  n ~ N(0, std²)

    Shapes: any -> the same.

    Reference: Bishop 1995, Training with noise is equivalent to Tikhonov regularization.
    """

    std: Positive

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = a{source} + n{here}, n{here} ~ N(0, {self.std:g}²)"


@dataclass(frozen=True)
class GaussianDropout(_Blurs, Layer):
    """Multiplies every number by a normal draw around 1 in training; nothing in evaluation.

        a⁽ˡ⁾ = n ⊙ a⁽ˡ⁻¹⁾,  n ~ N(1, rate / (1 − rate))

    Mean and variance are those of `Dropout` at the same rate.

    Shapes: any -> the same.

    Reference: Srivastava et al. 2014, JMLR 15, sec. 10.
    """

    rate: Share

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        variance = self.rate / (1 - self.rate)
        return f"a{here} = n{here} ⊙ a{source}, n{here} ~ N(1, {variance:.4g})"
