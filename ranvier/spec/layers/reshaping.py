"""Layers that only arrange numbers anew."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.core.shapes import Shape, size
from ranvier.spec.layer import Layer, TorchModule


@dataclass(frozen=True)
class Flatten(Layer):
    """Lays all numbers of a sample in one row, so that a dense layer sees them all.

    >>> Flatten().output_shape((28, 28, 1))
    (784,)

    Shapes: [...] -> [features].
    """

    def infer(self, *inputs: Shape) -> Shape:
        return (size(inputs[0]),)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = vec(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Flatten", {})
