"""Layers made of layers: one after the other, with a way around, again and again, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Name, many, optional, whole
from ranvier.spec.join import (
    JOIN_RULE,
    JoinKind,
    join_equation,
    join_flops,
    join_sign,
    joined_shape,
)
from ranvier.spec.layer import A_LAYER, Family, Form, Layer, Run, place_names
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal

Layers = Annotated[
    tuple[Layer, ...],
    replace(many(A_LAYER, "one or more layers, such as Dense(64)", minimum=1), layers=True),
]


@dataclass(frozen=True, init=False, repr=False)
class Sequence(Layer):
    """Layers one after the other: each one's output is the next one's input.

    Written as a list or tuple of layers wherever a single layer may stand.

    Shapes: the first layer's input -> the last layer's output.
    """

    layers: Layers
    most_inputs: ClassVar[int | None] = None
    form: ClassVar[Form] = "chain"

    def __init__(self, *layers: Layer, name: Name = None) -> None:
        self._set(layers=tuple(one_layer(layer) for layer in layers), name=name)

    def _set(self, **fields: Any) -> None:
        for field, value in fields.items():
            object.__setattr__(self, field, value)
        self.__post_init__()

    def __repr__(self) -> str:
        listed = [repr(layer) for layer in self.layers]
        named = [f"name={self.name!r}"] if self.name else []
        return f"{type(self).__name__}({', '.join(listed + named)})"

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Layer:
        rest = {name: value for name, value in given.items() if name != "layers"}
        layers = given.get("layers", ())
        return cls(*(layers if isinstance(layers, list | tuple) else [layers]), **rest)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        placed = before_activations(self.layers)
        for name, layer in zip(place_names(self.layers), placed, strict=True):
            signals = run(name, layer, *signals)
        return signals

    def members_after(self, members: int | None) -> int | None:
        for layer in self.layers:
            members = layer.members_after(members)
        return members

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return self.layers[0].implied_inputs()


def before_activations(layers: tuple[Layer, ...]) -> list[Layer]:
    """The layers, each told which activation its output meets next in this row, if any.

    Normalisation and dropout keep the direction of what they get, so one looks past them.
    """
    placed: list[Layer] = []
    function: str | None = None
    for layer in reversed(layers):
        placed.append(layer.before(function) if function else layer)
        if layer.applies() or layer.family not in ("normalisation", "regularisation"):
            function = layer.applies()
    return placed[::-1]


def one_layer(value: Any) -> Any:
    """A list or tuple of layers as one layer; anything else as it is."""
    return Sequence(*value) if isinstance(value, list | tuple) else value


class Residual(Sequence):
    """Adds what goes in to what comes out, so that the layers inside learn only the difference.

        a⁽ˡ⁾ = a⁽ᵏ⁾ + F(a⁽ᵏ⁾)

    >>> from ranvier.spec import Dense
    >>> Residual(Dense(64, activation="relu"), Dense(64)).output_shape(64)
    (64,)

    Shapes: any -> the same; the layers inside must keep the shape.

    Reference: He et al. 2016, arXiv:1512.03385.
    """

    most_inputs: ClassVar[int | None] = 1
    form: ClassVar[Form] = "bypass"

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (start,) = signals
        ends = super().flow(run, start)
        assert isinstance(ends, tuple)
        end = ends[0]
        if end.shape != start.shape:
            raise Misfit(
                f"{start.shape} again, to be added to what came in",
                f"Let the last layer inside give {start.shape[-1] if start.shape else 1} features, "
                "or change the width in a layer before this one.",
                came=f"got {start.shape} and its layers made it {end.shape}",
            )
        return Joined(start.shape, (start, end))

    def flops(self, *inputs: Shape) -> int:
        return size(inputs[0])

    def label(self) -> str:
        return type(self).__name__

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        start, end = sources or ("⁽ᵏ⁾", "⁽ˡ⁻¹⁾")
        return f"a{here} = a{start} + a{end}"


@dataclass(frozen=True, init=False, repr=False)
class Repeat(Sequence):
    """Does the same block several times over, each time with weights of its own.

    The depth is `times`, a field like any other, so that it can be searched over.

    >>> from ranvier.spec import Dense
    >>> Repeat(Dense(64, activation="relu"), times=3).output_shape(20)
    (64,)

    Shapes: the block's input -> the output of the last time.
    """

    times: Annotated[int, whole(1, 10_000)]
    form: ClassVar[Form] = "repeat"

    def __init__(self, *layers: Any, times: int, name: Name = None) -> None:
        # Repeat([a, b], times=3) and Repeat(a, b, times=3) are the same network.
        if len(layers) == 1 and isinstance(layers[0], list | tuple):
            layers = tuple(layers[0])
        self._set(layers=tuple(one_layer(layer) for layer in layers), times=times, name=name)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, times={self.times})"

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        block = Sequence(*self.layers)
        for time in range(self.times):
            signals = run(str(time), block, *signals)
        return signals


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Layer):
    """Gives the same input to every branch and joins what they make of it.

        a⁽ˡ⁾ = [B₁(a⁽ᵏ⁾); B₂(a⁽ᵏ⁾); …]   (join="concat", along the features)

    `join` may also be any other that `Join` takes, or None: then every branch's output is an output
    of its own, as for a network that answers several questions. A branch of several layers is a
    list of them.

    >>> from ranvier.spec import Dense
    >>> Parallel(Dense(8), [Dense(16, activation="tanh"), Dense(4)]).output_shape(20)
    (12,)
    >>> Parallel(Dense(1, name="price"), Dense(3, name="class"), join=None).output_shapes(20)
    ((1,), (3,))

    Shapes: any -> concat: the branches' shape with their features added up; dot: one feature;
        None: the branches' shapes; else: their shape.
    """

    branches: Layers
    join: Annotated[JoinKind | None, optional(JOIN_RULE)]
    most_inputs: ClassVar[int | None] = None
    form: ClassVar[Form] = "fork"
    family: ClassVar[Family] = "join"

    def __init__(self, *branches: Any, join: JoinKind | None = "concat", name: Name = None) -> None:
        object.__setattr__(self, "branches", tuple(one_layer(branch) for branch in branches))
        object.__setattr__(self, "join", join)
        object.__setattr__(self, "name", name)
        self.__post_init__()

    def __repr__(self) -> str:
        listed = [repr(branch) for branch in self.branches] + [f"join={self.join!r}"]
        named = [f"name={self.name!r}"] if self.name else []
        return f"Parallel({', '.join(listed + named)})"

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Layer:
        rest = {name: value for name, value in given.items() if name != "branches"}
        branches = given.get("branches", ())
        return cls(
            *(branches if isinstance(branches, list | tuple) else [branches]),
            **{"join": None, **rest},
        )

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        names = place_names(self.branches)
        ends = tuple(
            end
            for name, branch in zip(names, self.branches, strict=True)
            for end in run(name, branch, *signals)
        )
        if self.join is None:
            return ends
        shapes = [end.shape for end in ends]
        came = f"has branches that give {', '.join(map(str, shapes))}"
        return Joined(joined_shape(self.join, shapes, came=came), ends)

    def flops(self, *inputs: Shape) -> int:
        if self.join is None or self.join == "concat":
            return 0
        return join_flops(self.join, [branch.output_shape(inputs) for branch in self.branches])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return join_equation(self.join or "concat", here, sources or ("⁽ⁱ⁾", "⁽ʲ⁾"))

    def joins(self) -> str:
        return join_sign(self.join) if self.join else "one output each"

    def members_after(self, members: int | None) -> int | None:
        return self.branches[0].members_after(members)

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return next((found for b in self.branches if (found := b.implied_inputs())), None)
