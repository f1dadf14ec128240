"""Activations as layers, and as the field of a layer that ends in one.

Each function is a record of `activation_functions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.activation_functions import (
    ACTIVATIONS,
    ActivationFunction,
    Bounds,
    known_function,
)
from ranvier.spec.fields import Name, Rule
from ranvier.spec.layer import Family, Layer, elementwise
from ranvier.spec.layers.named_function import NamedFunction
from ranvier.spec.parameters import Parameters, Value, checked, to_document
from ranvier.spec.trace import Misfit


@dataclass(frozen=True, init=False, repr=False)
class Activation(NamedFunction, Layer):
    """Applies one function to every number that comes: a = f(z).

    >>> Activation("leaky_relu", slope=0.1)
    Activation('leaky_relu', slope=0.1)
    >>> Activation("leaky_relu").equation()
    'a⁽ˡ⁾ = max(0, z) + slope · min(0, z), z = a⁽ˡ⁻¹⁾, slope = 0.01'

    Shapes: any -> the same. softmax and its like take the numbers of the last axis together.

    Raises:
        UnknownNameError: for a function that is not known here, with the nearest that is.
        NetworkError: for a parameter that the function does not take, or for a name such as
            "prelu" that is a layer of its own.
    """

    family: ClassVar[Family] = "activation"
    table: ClassVar = ACTIVATIONS

    function: Annotated[str, Rule("the name of an activation", lambda value: value)]
    values: Annotated[Parameters, Rule("numbers", lambda value: value)]

    def __init__(self, function: str, *, name: Name = None, **parameters: Value) -> None:
        if not isinstance(function, str):
            raise NetworkError(
                f"activation: got {function!r}; expected the name of one, such as 'relu'."
            )
        options = known_function(function).options
        values = checked(f"activation {function}", options, parameters)
        self._keep(function, values, name)
        self.__post_init__()

    @property
    def record(self) -> ActivationFunction:
        """What is known of the function."""
        return ACTIVATIONS[self.function]

    @property
    def bounds(self) -> Bounds:
        """The range that outputs never leave; infinite where there is no end."""
        return self.record.range_with(self.values)

    def infer(self, *inputs: Shape) -> Shape:
        if self.record.over_features and not inputs[0]:
            raise Misfit(
                "at least one axis, the features last", "Put it after a layer that gives features."
            )
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return 0 if self.function == "linear" else elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = f"a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
        if self.function == "linear":
            return f"a{here} = {source}"
        return f"a{here} = {self.record.equation}, z = {source}{self.told()}"

    def label(self) -> str:
        return self.function

    def applies(self) -> str:
        return self.function

    def to_document(self) -> str | dict[str, Any]:
        """The name alone where nothing differs from the defaults, else name and parameters."""
        return to_document(self.function, self.record.options, self.values)


def activation(value: Any) -> Activation | None:
    """An activation from what people write: itself, its name, a mapping, or None."""
    if isinstance(value, Activation) and value.name:
        # Inside another layer it has no path of its own that a name could be for.
        given: dict[str, Any] = dict(value.values)
        return Activation(value.function, **given)
    if value is None or isinstance(value, Activation):
        return value
    if isinstance(value, str):
        return Activation(value)
    if isinstance(value, Mapping) and isinstance(value.get("function"), str):
        return Activation(**{key: item for key, item in value.items() if key != "kind"})
    raise TypeError


ActivationField = Annotated[
    Activation | str | None,
    Rule(
        "an activation or its name, such as 'relu', or None",
        activation,
        write=lambda value: None if value is None else value.to_document(),
    ),
]
