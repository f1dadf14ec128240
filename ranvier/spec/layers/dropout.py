"""Dropout: units are silenced at random while training, so that none is relied on alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Share
from ranvier.spec.layer import Family, Layer, TorchModule, elementwise


class _Silences:
    """What the kinds share: the shape stays, and m is 1 with probability 1 − rate, else 0."""

    family: ClassVar[Family] = "regularisation"
    mask: ClassVar[str] = "m{here}"

    rate: Share

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        keep, mask = f"{1 - self.rate:.4g}", self.mask.format(here=here)
        return f"a{here} = {mask} ⊙ a{source} / {keep}, {mask} ~ Bernoulli({keep})"


@dataclass(frozen=True)
class Dropout(_Silences, Layer):
    """Sets each number to zero with probability `rate` in training; does nothing in evaluation.

        a⁽ˡ⁾ = m⁽ˡ⁾ ⊙ a⁽ˡ⁻¹⁾ / (1 − rate),  m ~ Bernoulli(1 − rate)

    The division keeps the expectation, so that evaluation needs no correction.

    Shapes: any -> the same.

    Reference: Srivastava et al. 2014, JMLR 15.
    """

    rate: Share

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Dropout", {"p": self.rate})


@dataclass(frozen=True)
class DropPath(_Silences, Layer, other_spellings=("stochastic_depth",)):
    """Silences whole samples with probability `rate` in training: a branch is left out for them.

        a⁽ˡ⁾ = m_b a⁽ˡ⁻¹⁾ / (1 − rate),  m_b ~ Bernoulli(1 − rate) for each sample b

    At the end of a `Residual` it makes the depth of a network random (stochastic depth).

    Shapes: any -> the same.

    Reference: Huang et al. 2016, arXiv:1603.09382.
    """

    mask: ClassVar[str] = "m{here}_b"

    rate: Share
