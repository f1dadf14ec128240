"""Dropout: units are silenced at random while training, so that none is relied on alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Share
from ranvier.spec.layer import Family, Layer, TorchModule, elementwise


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets each number to zero with probability `rate` in training; does nothing in evaluation.

        a⁽ˡ⁾ = m⁽ˡ⁾ ⊙ a⁽ˡ⁻¹⁾ / (1 − rate),  m ~ Bernoulli(1 − rate)

    The division keeps the expectation, so that evaluation needs no correction.

    Shapes: any -> the same.

    Reference: Srivastava et al. 2014, JMLR 15.
    """

    family: ClassVar[Family] = "regularisation"

    rate: Share

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        keep = f"{1 - self.rate:.4g}"
        return f"a{here} = m{here} ⊙ a{source} / {keep}, m{here} ~ Bernoulli({keep})"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Dropout", {"p": self.rate})
