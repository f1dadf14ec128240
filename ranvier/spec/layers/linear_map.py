"""What layers with one linear map and an activation after it have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from ranvier.spec.initializers import Initializer, initializer
from ranvier.spec.layers.activation import ACTIVATIONS, activation


class LinearMap:
    """Mixed into a layer that has the fields `activation` and `initializer`."""

    activation: Any
    initializer: Any

    @property
    def start(self) -> Initializer:
        """How the weights start: as told, or as suits the activation."""
        if self.initializer is not None:
            return initializer(self.initializer)
        function = activation(self.activation)
        return Initializer(function.record.initializer if function else "glorot_uniform")

    def before(self, function: str) -> Self:
        """The layer with weights that suit the activation that comes next."""
        if self.initializer is not None or self.activation is not None:
            return self
        return replace(self, initializer=ACTIVATIONS[function].initializer)  # type: ignore[type-var]

    def initialisation(self) -> str:
        """How the weights start, in words."""
        return f"{self.start.function}: {self.start.meaning}"

    def activated(self, here: str, product: str) -> str:
        """The equation of a layer whose linear part is `product`."""
        function = activation(self.activation)
        if function is None or function.function == "linear":
            return f"a{here} = {product}"
        return f"z{here} = {product}, a{here} = {function.function}(z{here})"

    def titled(self, *parts: str) -> str:
        """What a drawing says: the parts, then the activation."""
        function = activation(self.activation)
        return " · ".join([*parts, function.function] if function else parts)
