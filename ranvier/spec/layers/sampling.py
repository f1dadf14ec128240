"""Draws that a network makes of what it knows: codes that are distributions."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import real
from ranvier.spec.layer import Family, Layer, elementwise
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class GaussianSample(Layer, other_spellings=("reparameterisation", "reparameterization")):
    """Draws from the normal distribution that comes, such that gradients pass.

        a⁽ˡ⁾ = μ + e^(v/2) ⊙ ε,  ε ~ N(0, I),  [μ; v] = a⁽ˡ⁻¹⁾
        R = weight · ½ Σ (μ² + eᵛ − v − 1),  the mean over the batch

    The first half of the features are means, the second the logarithms of the variances; in
    evaluation it gives μ. R, the Kullback–Leibler divergence from N(0, I), is added to what is
    minimised in training. With a loss that is a mean over N numbers, the evidence lower bound has
    weight 1/N; above that the code tells less and its parts keep apart (β-VAE).

    >>> GaussianSample().output_shape(40)
    (20,)

    Shapes: [..., 2 units] -> [..., units].

    Reference: Kingma & Welling 2014, arXiv:1312.6114; Higgins et al. 2017 (β-VAE, ICLR).
    """

    family: ClassVar[Family] = "regularisation"

    _: KW_ONLY
    weight: Annotated[float, real("a number of at least 0", lambda value: value >= 0)] = 1.0

    def infer(self, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if not shape or shape[-1] % 2:
            units = shape[-1] // 2 + 1 if shape else 1
            raise Misfit(
                "an even number of features: as many means as log-variances",
                f"Let the layer before it give {2 * units} features.",
                output=(*shape[:-1], units),
            )
        return (*shape[:-1], shape[-1] // 2)

    def flops(self, *inputs: Shape) -> int:
        return elementwise(self.infer(*inputs), 4)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = μ + e^(v/2) ⊙ ε, ε ~ N(0, I), [μ; v] = a{source}"
