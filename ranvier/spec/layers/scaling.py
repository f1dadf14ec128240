"""Features scaled: by numbers that are learnt, or by numbers that a condition asks for.

A condition is one vector per sample, such as the embedding of a class or of a moment in time; it
comes as the second input, or is taken by name.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Name, Positive, real
from ranvier.spec.initializers import ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, elementwise
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class LayerScale(Layer):
    """Scales each feature by a number that is learnt and starts small.

        a⁽ˡ⁾ = γ ⊙ a⁽ˡ⁻¹⁾

    At the end of a `Residual` it lets a deep network start as the identity.

    Shapes: [..., features] -> the same.

    Reference: Touvron et al. 2021, arXiv:2103.17239.
    """

    family: ClassVar[Family] = "normalisation"

    initial: Annotated[float, real("a finite number")] = 1e-6

    def infer(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise Misfit(
                "at least one axis, the features last", "Put it after a layer that gives features."
            )
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter(inputs[0][-1:], Initializer("constant", value=self.initial))}

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = γ{here} ⊙ a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"

    def initialisation(self) -> str:
        return f"constant: w = {self.initial:g}"


class Conditioned:
    """Mixed into a layer that makes `each` numbers per feature of a condition, linearly.

    They start at zero unless told, so that every condition starts with the same network.
    """

    family: ClassVar[Family] = "normalisation"
    most_inputs: ClassVar[int | None] = 2
    each: ClassVar[int]

    condition: str | None
    initializer: Initializer | str | None

    def takes(self) -> tuple[str, ...]:
        """The condition's name, if it goes by one."""
        return (self.condition,) if self.condition else ()

    @property
    def start(self) -> Initializer:
        """How the map from the condition starts."""
        return initializer(self.initializer or ZEROS)

    def infer(self, *inputs: Shape) -> Shape:
        """The first input's shape."""
        if len(inputs) != 2 or not inputs[0] or len(inputs[1]) != 1:
            raise Misfit(
                "features [..., features] and a condition [numbers], one vector per sample",
                "Name the condition with condition=, such as an embedding's name.",
            )
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The linear map from the condition."""
        (features,), (numbers,) = inputs[0][-1:], inputs[1]
        units = self.each * features
        weight = Parameter((units, numbers), self.start, fan_in=numbers, fan_out=units)
        return {"weight": weight, "bias": Parameter((units,), ZEROS)}

    def map_flops(self, *inputs: Shape) -> int:
        """The cost of the linear map."""
        return self.each * inputs[0][-1] * (2 * inputs[1][0] + 1)

    def initialisation(self) -> str:
        """How the map from the condition starts, in words."""
        return f"{self.start.function}: {self.start.meaning}"

    def label(self) -> str:
        """The kind and the condition's name."""
        return " · ".join([type(self).__name__, *self.takes()])


@dataclass(frozen=True)
class AdaptiveNorm(Conditioned, Layer, other_spellings=("ada_ln", "adaptive_layer_norm", "film")):
    """Normalises the features of each place, then scales and shifts them as a condition asks.

        a⁽ˡ⁾ = (1 + s) ⊙ (a⁽ˡ⁻¹⁾ − mean) / √(var + ε) + t,  [t; s] = W c + b

    >>> AdaptiveNorm().output_shapes([(16, 64), (32,)])
    ((16, 64),)

    Shapes: [..., C], [D] -> [..., C].

    Reference: Perez et al. 2018, arXiv:1709.07871 (FiLM); Peebles & Xie 2023, arXiv:2212.09748.
    """

    each: ClassVar[int] = 2

    _: KW_ONLY
    condition: Name = None
    epsilon: Positive = 1e-6
    initializer: InitializerField = None

    def flops(self, *inputs: Shape) -> int:
        return self.map_flops(*inputs) + elementwise(inputs[0], 8)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, condition = sources or ("⁽ˡ⁻¹⁾", "⁽ᶜ⁾")
        normal = f"(a{source} − mean) / √(var + ε)"
        return f"a{here} = (1 + s) ⊙ {normal} + t, [t; s] = W{here} a{condition} + b{here}"


@dataclass(frozen=True)
class AdaptiveScale(Conditioned, Layer):
    """Scales the features of each place as a condition asks; at first to nothing.

        a⁽ˡ⁾ = (W c + b) ⊙ a⁽ˡ⁻¹⁾

    At the end of a `Residual` it lets a deep network start as the identity: the "zero" of
    adaLN-Zero.

    >>> AdaptiveScale().output_shapes([(16, 64), (32,)])
    ((16, 64),)

    Shapes: [..., C], [D] -> [..., C].

    Reference: Peebles & Xie 2023, arXiv:2212.09748.
    """

    each: ClassVar[int] = 1

    _: KW_ONLY
    condition: Name = None
    initializer: InitializerField = None

    def flops(self, *inputs: Shape) -> int:
        return self.map_flops(*inputs) + elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, condition = sources or ("⁽ˡ⁻¹⁾", "⁽ᶜ⁾")
        return f"a{here} = (W{here} a{condition} + b{here}) ⊙ a{source}"
