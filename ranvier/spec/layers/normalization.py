"""Normalisation: mean 0 and variance 1, then a scale and a shift that are learnt."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Flag, Positive, real
from ranvier.spec.initializers import ONES, ZEROS
from ranvier.spec.layer import Family, Layer, Parameter, TorchModule, elementwise
from ranvier.spec.trace import Misfit

_Momentum = Annotated[float, real("a number above 0 and at most 1", lambda value: 0 < value <= 1)]


def _features_needed(shape: Shape) -> None:
    if not shape:
        raise Misfit(
            "at least one axis, the features last", "Put it after a layer that gives features."
        )


def _scale_and_shift(shape: Shape, affine: bool) -> dict[str, Parameter]:
    if not affine:
        return {}
    features = (shape[-1],)
    return {"weight": Parameter(features, ONES), "bias": Parameter(features, ZEROS)}


@dataclass(frozen=True)
class BatchNorm(Layer, other_spellings=("batch_normalization",)):
    """Normalises each feature over the batch, and over all places of a sample.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − μ) / √(σ² + ε) + β

    In training μ and σ² are the batch's, and running means of them are kept:
    running ← (1 − momentum) · running + momentum · batch (σ² there with n − 1 below). Evaluation
    uses the running ones, so that a sample's output does not depend on its company.

    Shapes: [..., features] -> the same.

    Reference: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    family: ClassVar[Family] = "normalisation"

    _: KW_ONLY
    momentum: _Momentum = 0.1
    epsilon: Positive = 1e-5
    affine: Flag = True

    def infer(self, *inputs: Shape) -> Shape:
        _features_needed(inputs[0])
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return _scale_and_shift(inputs[0], self.affine)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 4 if self.affine else 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        normal = f"(a{source} − μ{here}) / √(σ²{here} + ε)"
        return f"a{here} = " + (f"γ{here} ⊙ {normal} + β{here}" if self.affine else normal)


@dataclass(frozen=True)
class LayerNorm(Layer, other_spellings=("layer_normalization",)):
    """Normalises the features of each place by their own mean and variance.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − mean) / √(var + ε) + β

    Shapes: [..., features] -> the same.

    Reference: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """

    family: ClassVar[Family] = "normalisation"

    _: KW_ONLY
    epsilon: Positive = 1e-5
    affine: Flag = True

    def infer(self, *inputs: Shape) -> Shape:
        _features_needed(inputs[0])
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return _scale_and_shift(inputs[0], self.affine)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 8 if self.affine else 6)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        normal = f"(a{source} − mean) / √(var + ε)"
        return f"a{here} = " + (f"γ{here} ⊙ {normal} + β{here}" if self.affine else normal)

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule(
            "LayerNorm",
            {
                "normalized_shape": inputs[0][-1],
                "eps": self.epsilon,
                "elementwise_affine": self.affine,
            },
        )
