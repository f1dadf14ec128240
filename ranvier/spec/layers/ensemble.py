"""Several networks in one: K members side by side on the axis before the features.

Legend: K members, I features in, U units.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count
from ranvier.spec.initializers import ONES, ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, elementwise
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.dense import Dense
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class Members(Layer):
    """Gives the same features to K members, which the layers after it keep apart.

        a⁽ˡ⁾[k] = a⁽ˡ⁻¹⁾,  k = 1…K

    The loss is the mean of the members' own losses, so that each learns to predict alone; what is
    predicted is the mean of what they predict.

    >>> Members(8).output_shape(20)
    (8, 20)

    Shapes: [I] -> [K, I].

    Reference: Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474.
    """

    members: Count

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise Misfit(
                "one axis, the features",
                "Put Members once, after the layers that make features of the input.",
                output=(self.members, shape[-1] if shape else 1),
            )
        return (self.members, *shape)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}[k] = a{source}, k = 1…{self.members}"

    def members_after(self, members: int | None) -> int:
        return self.members


@dataclass(frozen=True)
class MemberDense(Layer):
    """A dense layer for each member: they share nothing, but are computed together.

        z⁽ˡ⁾[k] = W⁽ˡ⁾[k] a⁽ˡ⁻¹⁾[k] + b⁽ˡ⁾[k],  a⁽ˡ⁾[k] = f(z⁽ˡ⁾[k])

    Weights start as those of `Dense` do, each member's drawn apart.

    >>> MemberDense(64, activation="relu").output_shape((8, 20))
    (8, 64)

    Shapes: [K, I] -> [K, U].

    Reference: Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474; Gorishniy, Kotelnikov &
    Babenko 2025, arXiv:2410.24210 (its packed ensemble).
    """

    family: ClassVar[Family] = "map"

    units: Count
    _: KW_ONLY
    activation: ActivationField = None
    initializer: InitializerField = None

    def infer(self, *inputs: Shape) -> Shape:
        return _member_shape(inputs[0], self.units)

    @property
    def start(self) -> Initializer:
        """How the weights start: as told, or as suits the activation."""
        return _dense_like(self).start

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        members, features = inputs[0]
        weight = (members, features, self.units)
        return {
            "weight": Parameter(weight, self.start, fan_in=features, fan_out=self.units),
            "bias": Parameter((members, self.units), ZEROS),
        }

    def flops(self, *inputs: Shape) -> int:
        return _dense_like(self).flops(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return _activated(self.activation, here, f"W{here}[k] a{source}[k] + b{here}[k]")

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"


@dataclass(frozen=True)
class SharedDense(Layer, other_spellings=("batch_ensemble", "batch_ensemble_dense")):
    """One dense layer for all members, which each of them scales its own way.

        z⁽ˡ⁾[k] = s⁽ˡ⁾[k] ⊙ W⁽ˡ⁾ (r⁽ˡ⁾[k] ⊙ a⁽ˡ⁻¹⁾[k]) + b⁽ˡ⁾[k],  a⁽ˡ⁾[k] = f(z⁽ˡ⁾[k])

    Member k thus has the weights W ⊙ s[k] r[k]ᵀ: K networks for little more than the weights of
    one, and what they share keeps each from fitting noise. r starts as `input_scale` says: ones,
    or in a first layer, where members must begin to differ, normal with std 1. s starts at ones.

    >>> SharedDense(64, activation="relu").output_shape((8, 20))
    (8, 64)

    Shapes: [K, I] -> [K, U].

    Reference: Wen, Tran & Ba 2020, arXiv:2002.06715 (BatchEnsemble); Gorishniy, Kotelnikov &
    Babenko 2025, arXiv:2410.24210 (TabM).
    """

    family: ClassVar[Family] = "map"

    units: Count
    _: KW_ONLY
    activation: ActivationField = None
    initializer: InitializerField = None
    input_scale: InitializerField = ONES

    def infer(self, *inputs: Shape) -> Shape:
        return _member_shape(inputs[0], self.units)

    @property
    def start(self) -> Initializer:
        """How the shared weights start: as told, or as suits the activation."""
        return _dense_like(self).start

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        members, features = inputs[0]
        spread = initializer(self.input_scale or "ones")
        weight = (self.units, features)
        return {
            "weight": Parameter(weight, self.start, fan_in=features, fan_out=self.units),
            "input_scale": Parameter((members, features), spread),
            "output_scale": Parameter((members, self.units), ONES),
            "bias": Parameter((members, self.units), ZEROS),
        }

    def flops(self, *inputs: Shape) -> int:
        scales = elementwise(inputs[0]) + elementwise(self.infer(inputs[0]))
        return _dense_like(self).flops(inputs[0]) + scales

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        scaled = f"s{here}[k] ⊙ W{here} (r{here}[k] ⊙ a{source}[k])"
        return _activated(self.activation, here, f"{scaled} + b{here}[k]")

    def initialisation(self) -> str:
        spread = initializer(self.input_scale or "ones")
        return f"{self.start.function}: {self.start.meaning}; r {spread.function}, s ones"


def _member_shape(shape: Shape, units: int) -> Shape:
    if len(shape) != 2:
        raise Misfit("(members, features)", "Put Members(8) before it.", output=(1, units))
    return (shape[0], units)


def _dense_like(layer: MemberDense | SharedDense) -> Dense:
    return Dense(layer.units, activation=layer.activation, initializer=layer.initializer)


def _activated(function: ActivationField, here: str, product: str) -> str:
    described = activation(function)
    if described is None or described.function == "linear":
        return f"a{here}[k] = {product}"
    return f"z{here}[k] = {product}, a{here}[k] = {described.function}(z{here}[k])"
