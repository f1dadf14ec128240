"""Activations that give fewer features than they get: halves that gate each other, and maxout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import whole
from ranvier.spec.layer import Family, Layer, TorchModule, elementwise
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class GLU(Layer, kind="glu", other_spellings=("gated_linear_unit",)):
    """Lets the second half of the features decide how much of the first half passes.

        a⁽ˡ⁾ = u ⊙ σ(v),  [u; v] = a⁽ˡ⁻¹⁾

    It has no weights: put `Dense(2 * units)` before it, and it gives `units`.

    >>> GLU().output_shape((10, 64))
    (10, 32)

    Shapes: [..., 2 units] -> [..., units].

    Reference: Dauphin et al. 2017, arXiv:1612.08083.
    """

    family: ClassVar[Family] = "activation"
    gate: ClassVar[str] = "sigmoid"

    def infer(self, *inputs: Shape) -> Shape:
        return _divided(inputs[0], 2)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = u ⊙ {self.gate}(v), [u; v] = a{source}"

    def torch_module(self, *inputs: Shape) -> TorchModule | None:
        return TorchModule("GLU", {"dim": -1}) if self.gate == "sigmoid" else None


@dataclass(frozen=True)
class SwiGLU(GLU, kind="swiglu", other_spellings=("swi_glu",)):
    """Gates the first half of the features with the silu of the second.

        a⁽ˡ⁾ = u ⊙ silu(v),  [u; v] = a⁽ˡ⁻¹⁾

    Shapes: [..., 2 units] -> [..., units].

    Reference: Shazeer 2020, arXiv:2002.05202.
    """

    gate: ClassVar[str] = "silu"


@dataclass(frozen=True)
class GEGLU(GLU, kind="geglu", other_spellings=("ge_glu",)):
    """Gates the first half of the features with the gelu of the second.

        a⁽ˡ⁾ = u ⊙ gelu(v),  [u; v] = a⁽ˡ⁻¹⁾

    Shapes: [..., 2 units] -> [..., units].

    Reference: Shazeer 2020, arXiv:2002.05202.
    """

    gate: ClassVar[str] = "gelu"


@dataclass(frozen=True)
class ReGLU(GLU, kind="reglu", other_spellings=("re_glu",)):
    """Gates the first half of the features with the relu of the second.

        a⁽ˡ⁾ = u ⊙ relu(v),  [u; v] = a⁽ˡ⁻¹⁾

    Shapes: [..., 2 units] -> [..., units].

    Reference: Shazeer 2020, arXiv:2002.05202.
    """

    gate: ClassVar[str] = "relu"


@dataclass(frozen=True)
class Maxout(Layer, other_spellings=("max_out",)):
    """Keeps the largest of every `pieces` features that stand side by side.

        a⁽ˡ⁾ᵢ = max(z₁, …, z_pieces), z the i-th group of a⁽ˡ⁻¹⁾

    After `Dense(pieces * units)` it is a convex function of its input that is learnt, made of so
    many straight pieces.

    >>> Maxout(4).output_shape(64)
    (16,)

    Shapes: [..., pieces · units] -> [..., units].

    Reference: Goodfellow et al. 2013, arXiv:1302.4389.
    """

    family: ClassVar[Family] = "activation"

    pieces: Annotated[int, whole(2)]

    def infer(self, *inputs: Shape) -> Shape:
        return _divided(inputs[0], self.pieces)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}ᵢ = max of the {self.pieces} numbers of group i of a{source}"


def _divided(shape: Shape, parts: int) -> Shape:
    if not shape or shape[-1] % parts:
        features = shape[-1] if shape else 1
        units = max(1, round(features / parts))
        raise Misfit(
            f"a number of features that {parts} divides",
            f"Let the layer before it give {parts * units} features.",
            output=(*shape[:-1], units),
        )
    return (*shape[:-1], shape[-1] // parts)
