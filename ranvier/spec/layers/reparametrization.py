"""Weights that are made of others: what the layer inside multiplies with is computed each time."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Positive, whole
from ranvier.spec.initializers import ONES
from ranvier.spec.layer import Layer, Parameter, Run
from ranvier.spec.layers.wrappers import Around, Inside, is_weight
from ranvier.spec.trace import Flowed, Joined, Misfit, Node, Signal

_Axis = Annotated[int, whole(0, 7)]


class Reparametrises(Around):
    """What the kinds share: every weight with two axes or more of the layer inside is replaced."""

    weight: ClassVar[str] = ""

    axis: int

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        ends = run("layer", self.layer, *signals)
        weights = self.weights_of(run.calls[-1].node)
        at_zero = [name for name, w in weights.items() if w.initializer.function == "zeros"]
        # After a misfit no layer says its weights.
        if (at_zero or not weights) and not run.walk.problems:
            came = f", whose {', '.join(at_zero)} starts at zero" if at_zero else ""
            raise Misfit(
                f"a layer with a weight of {max(2, self.axis + 1)} axes or more, not all zero",
                "Wrap the layer that has the weight, such as a Dense.",
                came=f"has {type(self.layer).__name__} inside{came}",
                output=ends[0].shape,
            )
        return Joined(
            ends[0].shape,
            ends,
            more=tuple(end.shape for end in ends[1:]),
            parameters=self.own_parameters(weights),
            flops=3 * sum(size(weight.shape) for weight in weights.values()),
        )

    def weights_of(self, inside: Node) -> dict[str, Parameter]:
        """The weights of the layer inside that are made of others, by name."""
        return {
            name: parameter
            for name, parameter in inside.parameters.items()
            if is_weight(name, parameter) and len(parameter.shape) > self.axis
        }

    def own_parameters(self, weights: dict[str, Parameter]) -> dict[str, Parameter]:
        """What the wrapper itself learns, by name."""
        return {}

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = a{source} with {self.weight}"


def one_along(shape: Shape, axis: int) -> Shape:
    """`shape` with 1 everywhere but along `axis`."""
    return tuple(length if i == axis else 1 for i, length in enumerate(shape))


@dataclass(frozen=True)
class WeightNorm(Reparametrises, Layer, other_spellings=("weight_normalization",)):
    """Learns length and direction of each unit's weights apart.

        W = g v / ‖v‖,  one g per unit, the norm over all that goes into it

    v is the weight of the layer inside and starts as that says; g starts as ‖v‖, so that W starts
    as it would without. `axis` is where a weight has its units: 0, but for transposed convolutions.

    Shapes: what the layer inside takes -> what it gives.

    Reference: Salimans & Kingma 2016, arXiv:1602.07868.
    """

    weight: ClassVar[str] = "W = g v / ‖v‖"

    layer: Inside
    _: KW_ONLY
    axis: _Axis = 0

    def own_parameters(self, weights: dict[str, Parameter]) -> dict[str, Parameter]:
        return {
            f"{name}_scale": Parameter(one_along(weight.shape, self.axis), ONES)
            for name, weight in weights.items()
        }

    def initialisation(self) -> str:
        return "g = ‖v‖"


@dataclass(frozen=True)
class SpectralNorm(Reparametrises, Layer, other_spellings=("spectral_normalization",)):
    """Divides a weight by its largest singular value, so that no input grows by more than 1.

        W = V / σ(V),  σ ≈ uᵀ V v by `iterations` of  v ← Vᵀu / ‖Vᵀu‖,  u ← V v / ‖V v‖

    V is the weight of the layer inside as a matrix, its units along `axis`. u and v go on from step
    to step in training and stay in evaluation.

    Shapes: what the layer inside takes -> what it gives.

    Reference: Miyato et al. 2018, arXiv:1802.05957.
    """

    weight: ClassVar[str] = "W = V / σ(V)"

    layer: Inside
    _: KW_ONLY
    axis: _Axis = 0
    iterations: Annotated[int, whole(1)] = 1
    epsilon: Positive = 1e-12
