"""A module that was written elsewhere, as a description: told what it does, not how."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule, many, whole
from ranvier.spec.initializers import Initializer
from ranvier.spec.layer import Family, Form, Layer, Parameter, Run
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal

Weight = tuple[str, Shape]

# How its weights start is the module's own affair.
_AS_IT_COMES = Initializer("zeros")


def _accept_text(value: Any) -> str:
    if isinstance(value, str) and 0 < len(value) < 200 and value.isprintable():
        return value
    raise TypeError


def _accept_weight(value: Any) -> Weight:
    name, shape = value
    return _accept_text(name), _SHAPE.accept(shape)


def _accept_inside(value: Any) -> tuple[Layer, ...]:
    layers = tuple(value)
    if all(isinstance(layer, Foreign) for layer in layers):
        return layers
    raise TypeError


_SHAPE = many(whole(0), "whole numbers")
_Text = Annotated[str, Rule("a name", _accept_text)]
_Shapes = Annotated[tuple[Shape, ...], many(_SHAPE, "one or more shapes", minimum=1)]
_Weights = Annotated[
    tuple[Weight, ...],
    Rule("pairs of a name and a shape", lambda value: tuple(map(_accept_weight, value))),
]
_Inside = Annotated[tuple[Layer, ...], Rule("foreign modules", _accept_inside, layers=True)]


@dataclass(frozen=True)
class Foreign(Layer):
    """Whatever a module does that was written elsewhere, as `rv.wrap` saw it do it once.

        a⁽ˡ⁾ = module(a⁽ᵏ⁾)

    It has the shapes and costs of that one call. What it computes stands in the module's own code,
    so that it can be described, drawn and trained, but not built from this description.

    Shapes: as recorded.
    """

    most_inputs: ClassVar[int | None] = None
    form: ClassVar[Form] = "box"
    family: ClassVar[Family] = "map"

    module: _Text
    _: KW_ONLY
    takes_shapes: _Shapes
    gives_shapes: _Shapes
    called: _Text = "module"
    weights: _Weights = ()
    operations: Annotated[int, whole(0, 2**62)] = 0
    inside: _Inside = ()

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        if tuple(signal.shape for signal in signals) != self.takes_shapes:
            raise Misfit(
                " and ".join(map(str, self.takes_shapes)) + ", as it was wrapped with",
                "Wrap the module again with an example of the new shape.",
                output=self.gives_shapes[0],
            )
        for layer in self.inside:
            assert isinstance(layer, Foreign)
            run(layer.called, layer, *(run.part(signals[0], s) for s in layer.takes_shapes))
        return Joined(self.gives_shapes[0], signals, more=self.gives_shapes[1:])

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return {name: Parameter(shape, _AS_IT_COMES) for name, shape in self.weights}

    def flops(self, *inputs: Shape) -> int:
        return self.operations

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        if self.inside:
            return ""
        return f"a{here} = {self.module}(·)"

    def label(self) -> str:
        return self.module

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return self.takes_shapes
