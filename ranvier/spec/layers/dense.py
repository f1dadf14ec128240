"""The dense layer: every output is a weighted sum of every input."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag
from ranvier.spec.initializers import ZEROS, InitializerField
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.linear_map import LinearMap
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class Dense(LinearMap, Layer, other_spellings=("linear", "fully_connected", "fc")):
    """Maps the features linearly, then applies the activation.

        z⁽ˡ⁾ = W⁽ˡ⁾ a⁽ˡ⁻¹⁾ + b⁽ˡ⁾,  a⁽ˡ⁾ = f(z⁽ˡ⁾)

    Without an `initializer` the weights start as suits the activation, its own or the one that
    comes next, past normalisation and dropout: He for the relu family, Glorot for tanh, sigmoid
    and none, LeCun for selu. Biases start at zero.

    >>> Dense(64, activation="relu").output_shape(20)
    (64,)

    Shapes: [..., features] -> [..., units].

    Reference: Goodfellow, Bengio & Courville, Deep Learning (2016), ch. 6.
    """

    family: ClassVar[Family] = "map"

    units: Count
    _: KW_ONLY
    activation: ActivationField = None
    bias: Flag = True
    initializer: InitializerField = None

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape:
            raise Misfit(
                "at least one axis, the features last",
                "Put an Embedding before it.",
                output=(self.units,),
            )
        return (*shape[:-1], self.units)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features = inputs[0][-1]
        shape = (self.units, features)
        weight = Parameter(shape, self.start, fan_in=features, fan_out=self.units)
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": Parameter((self.units,), ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        (shape,) = inputs
        places = size(shape[:-1])
        function = activation(self.activation)
        after = function.flops(self.infer(shape)) if function else 0
        return places * self.units * (2 * shape[-1] + self.bias) + after

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        bias = f" + b{here}" if self.bias else ""
        return self.activated(here, f"W{here} a{(sources or ('⁽ˡ⁻¹⁾',))[0]}{bias}")

    def label(self) -> str:
        return self.titled(f"Dense {self.units}")
