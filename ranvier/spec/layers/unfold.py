"""Windows laid out as features, and laid back upon each other."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.layer import Layer
from ranvier.spec.layers.convolution import Walking
from ranvier.spec.layers.spatial import (
    LAYOUTS,
    Padding,
    Size,
    Stride,
    across,
    agreed_axes,
    places_of,
    spread,
)
from ranvier.spec.trace import Misfit

AXES = 2  # torch's own has two; a sequence is a picture of height 1


def _two_at_most(places: Shape, output: Shape) -> None:
    if len(places) > AXES:
        raise Misfit(
            f"{LAYOUTS[1]} or {LAYOUTS[2]}",
            "Use it on a slice of two axes, or a Reshape before it.",
            output=output,
        )


@dataclass(frozen=True)
class Unfold(Walking, Layer, other_spellings=("im2col", "extract_patches")):
    """Lays the numbers under every stand of a window side by side, as features of one place.

        a⁽ˡ⁾ₜ[c · k + j] = a⁽ˡ⁻¹⁾_{s·t + d·j − p}[c],  k places in the window

    A convolution is a dense layer after this. The order is torch's: features outermost, then the
    places of the window row by row.

    >>> Unfold(4, stride=4).output_shape((32, 32, 3))
    (8, 8, 48)

    Shapes: [*places, features] -> [*stands, features · k].
    """

    kernel: Size
    _: KW_ONLY
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Size = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes(self.name or "Unfold")

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        places = places_of(shape, self.axes("Unfold"))
        features = shape[-1] * size(spread(self.kernel, len(places)))
        output = self.window(len(places)).over(places, features)
        _two_at_most(places, output)
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = unfold(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {across(self.kernel)})"

    def label(self) -> str:
        return " · ".join(["Unfold", *self.walked()])


@dataclass(frozen=True)
class Fold(Walking, Layer, other_spellings=("col2im",)):
    """Lays windows back where `Unfold` took them from, and adds up where they overlap.

        a⁽ˡ⁾_{s·t + d·j − p}[c] = Σ a⁽ˡ⁻¹⁾ₜ[c · k + j],  over all stands t that reach the place

    `places` is the extent that comes out. It is the transpose of `Unfold`, not its inverse: a place
    that n windows see comes back n times as large.

    >>> Fold((32, 32), 4, stride=4).output_shape((8, 8, 48))
    (32, 32, 3)

    Shapes: [*stands, features · k] -> [*places, features].
    """

    places: Size
    kernel: Size
    _: KW_ONLY
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Size = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self.name or "Fold"
        if agreed_axes(where, places=self.places, kernel=self.kernel) is None:
            raise NetworkError(
                f"{where}.places: got {self.places}; expected a number for each axis, such as "
                f"({self.places}, {self.places}) for a picture."
            )
        self.axes(where)

    def axes(self, where: str) -> int | None:
        places, others = agreed_axes(where, places=self.places), super().axes(where)
        if places is None or others is None:
            return places or others
        return agreed_axes(where, places=self.places, others=(0,) * others)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        axes = self.axes("Fold")
        assert axes is not None
        stands, places = places_of(shape, axes), spread(self.places, axes)
        kernel = size(spread(self.kernel, axes))
        output = (*places, max(1, shape[-1] // kernel))
        _two_at_most(places, output)
        wanted = self.window(axes).output(places)
        if stands != wanted or shape[-1] % kernel:
            raise Misfit(
                f"({', '.join(map(str, wanted))}, features · {kernel}), what an Unfold makes of "
                f"{places} places",
                "Give it the kernel, stride, padding and dilation of the Unfold.",
                output=output,
            )
        return output

    def flops(self, *inputs: Shape) -> int:
        return size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = fold(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}, {across(self.kernel)})"

    def label(self) -> str:
        return " · ".join([f"Fold to {across(self.places)}", *self.walked()])
