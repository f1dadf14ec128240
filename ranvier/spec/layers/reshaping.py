"""Layers that only arrange numbers anew; axes are those of a sample, from 0."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Rule, many, optional, whole
from ranvier.spec.layer import Layer, TorchModule
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class Identity(Layer, other_spellings=("input_layer",)):
    """Gives what it gets.

        a⁽ˡ⁾ = a⁽ˡ⁻¹⁾

    Shapes: any -> the same.
    """

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Identity", {})


@dataclass(frozen=True)
class Flatten(Layer):
    """Lays all numbers of a sample in one row, so that a dense layer sees them all.

    With `start`, only the axes from that one on become one.

    >>> Flatten().output_shape((28, 28, 1)), Flatten(1).output_shape((5, 4, 3))
    ((784,), (5, 12))

    Shapes: [...] -> [features].
    """

    start: Annotated[int, whole(0, 64)] = 0

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if self.start and self.start >= len(shape):
            raise Misfit(
                f"more than {self.start} axes, as axis {self.start} is the first to become one",
                "Start at an earlier axis.",
            )
        return (*shape[: self.start], size(shape[self.start :]))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = vec(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"

    def label(self) -> str:
        return f"Flatten from axis {self.start}" if self.start else "Flatten"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Flatten", {"start_dim": self.start + 1})


def _accept_sizes(value: Any) -> tuple[int, ...]:
    values = value if hasattr(value, "__iter__") else (value,)
    sizes = many(whole(-1), "").accept(values)
    if not sizes or 0 in sizes or sizes.count(-1) > 1:
        raise ValueError
    return sizes


@dataclass(frozen=True)
class Reshape(Layer, other_spellings=("view", "unflatten")):
    """Lays the numbers of a sample, in their order, out in another shape.

    One size may be −1: it follows from the others.

    >>> Reshape((28, 28, 1)).output_shape(784), Reshape((-1, 4)).output_shape((6, 2))
    ((28, 28, 1), (3, 4))

    Shapes: [...] -> `shape`.
    """

    shape: Annotated[
        int | tuple[int, ...],
        Rule("sizes of at least 1, of which one may be -1 for what is left", _accept_sizes),
    ]

    def infer(self, *inputs: Shape) -> Shape:
        (came,) = inputs
        assert isinstance(self.shape, tuple)
        known = size(tuple(n for n in self.shape if n != -1))
        free, count = -1 in self.shape, size(came)
        rest = max(1, count // known)
        output = tuple(rest if n == -1 else n for n in self.shape)
        if count % known or (not free and known != count):
            wanted = f"a multiple of {known} numbers" if free else f"{known} numbers"
            raise Misfit(
                f"{wanted}, for {self.shape}",
                f"It holds {count}: choose sizes that multiply to that, or -1 for one of them.",
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = reshape(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {self.shape})"

    def label(self) -> str:
        assert isinstance(self.shape, tuple)
        return f"Reshape {' × '.join(map(str, self.shape)).replace('-1', '…')}"


@dataclass(frozen=True)
class Permute(Layer, other_spellings=("transpose", "movedim")):
    """Puts the axes of a sample in another order.

        a⁽ˡ⁾ has as axis i the axis order[i] of a⁽ˡ⁻¹⁾

    >>> Permute((1, 0)).output_shape((12, 64))
    (64, 12)

    Shapes: [n₀, n₁, …] -> [n_order[0], n_order[1], …].
    """

    order: Annotated[
        tuple[int, ...], many(whole(0, 64), "every axis of a sample once, from 0", minimum=1)
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if sorted(self.order) != list(range(len(self.order))):
            raise NetworkError(
                f"{self.name or 'Permute'}.order: got {self.order}; expected every axis of a "
                f"sample once, from 0: {tuple(range(len(self.order)))} in some order. The batch "
                "axis is not counted."
            )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) != len(self.order):
            raise Misfit(
                f"{len(self.order)} axes, as many as the order {self.order} names",
                f"Name {len(shape)} axes, from 0.",
            )
        return tuple(shape[axis] for axis in self.order)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = permute(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {self.order})"


@dataclass(frozen=True)
class RepeatVector(Layer):
    """Gives the same features at every one of so many places.

        a⁽ˡ⁾ₜ = a⁽ˡ⁻¹⁾

    >>> RepeatVector(5).output_shape(16)
    (5, 16)

    Shapes: [features] -> [times, features].
    """

    times: Count

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise Misfit(
                "(features,)",
                "Put a Flatten or a pooling over all places before it.",
                output=(self.times, *shape[-1:]),
            )
        return (self.times, *shape)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here}ₜ = a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, t < {self.times}"


def _out_of_reach(shape: Shape, axis: int, wanted: str, output: Shape) -> Misfit:
    """What to say where an axis, or a place along it, is not there."""
    if not -len(shape) <= axis < len(shape):
        return Misfit(
            f"an axis {axis}", f"Name one of the {len(shape)} axes, from 0.", output=shape
        )
    return Misfit(f"{wanted} along axis {axis}", "Stay within the places that come.", output=output)


_ANY = whole(-(2**40))
Position = Annotated[int, _ANY]
AxisField = Annotated[int, whole(-64, 64)]


@dataclass(frozen=True)
class Slice(Layer, other_spellings=("narrow",)):
    """Keeps a stretch of places along an axis, as Python's `[start:stop:step]` does.

        a⁽ˡ⁾ₜ = a⁽ˡ⁻¹⁾_{start + t·step}

    Negative positions count from the end; without `stop` the stretch goes to the end.

    >>> Slice(1).output_shape((12, 64)), Slice(0, 3, axis=-1).output_shape((12, 64))
    ((11, 64), (12, 3))

    Shapes: [..., n, ...] -> [..., kept, ...].
    """

    start: Position = 0
    stop: Annotated[int | None, optional(_ANY)] = None
    _: KW_ONLY
    axis: AxisField = 0
    step: Count = 1

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not -len(shape) <= self.axis < len(shape):
            raise _out_of_reach(shape, self.axis, "", shape)
        output = list(shape)
        output[self.axis] = len(range(shape[self.axis])[self.start : self.stop : self.step])
        if output[self.axis] < 1:
            output[self.axis] = 1
            raise _out_of_reach(shape, self.axis, f"places {self._said()}", tuple(output))
        return tuple(output)

    def _said(self) -> str:
        parts = [self.start, "" if self.stop is None else self.stop]
        return "[" + ":".join(map(str, [*parts, self.step] if self.step > 1 else parts)) + "]"

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = a{source}{self._said()} along axis {self.axis}"

    def label(self) -> str:
        return f"Slice {self._said()} · axis {self.axis}"
