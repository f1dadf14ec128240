"""From few places to many and back without a weight: upsampling, and features turned to places."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Flag, optional, real, whole, word
from ranvier.spec.layer import Layer, elementwise
from ranvier.spec.layers.spatial import across, agreed_axes, per_axis, places_of, spread
from ranvier.spec.trace import Misfit

_SCALE = real("a number above 0 and at most 1,000,000", lambda value: 0 < value <= 1e6)
_Scale = Annotated[float | tuple[float, ...] | None, optional(per_axis(_SCALE))]
_Size = Annotated[int | tuple[int, ...] | None, optional(per_axis(whole(1)))]


@dataclass(frozen=True)
class Upsample(
    Layer,
    other_spellings=(
        "up_sampling1d", "up_sampling2d", "up_sampling3d", "upsampling", "interpolate",
        "upsampling_nearest2d", "upsampling_bilinear2d",
    ),
):  # fmt: skip
    """Lays more places between those that come, or fewer: copies of the nearest, or blends.

        nearest: a⁽ˡ⁾ₜ = a⁽ˡ⁻¹⁾_⌊t / scale⌋
        linear:  a blend of the two nearest along each axis, at (t + ½) / scale − ½
        cubic:   of the four nearest (two axes only)
        area:    the mean of the places that a new one covers

    Give a `scale`, one or one per axis (⌊n · scale⌋ places come of n), or the `size` that is
    wanted. `align_corners` lays the outermost places upon each other instead of their outer edges.

    >>> Upsample(2).output_shape((7, 7, 16)), Upsample(size=10, mode="linear").output_shape((7, 3))
    ((14, 14, 16), (10, 3))

    Shapes: [*places, features] -> [*places, features].

    Reference: Keys 1981, IEEE TASSP 29(6) (cubic).
    """

    scale: _Scale = None
    _: KW_ONLY
    size: _Size = None
    mode: Annotated[
        Literal["nearest", "linear", "cubic", "area"], word("nearest", "linear", "cubic", "area")
    ] = "nearest"
    align_corners: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self.name or "Upsample"
        if (self.scale is None) == (self.size is None):
            raise NetworkError(
                f"{where}: got scale={self.scale} and size={self.size}; expected one of them. "
                "Give the scale, such as 2, or the size that is wanted."
            )
        if self.align_corners and self.mode not in ("linear", "cubic"):
            raise NetworkError(
                f"{where}.align_corners: got true with mode {self.mode!r}; expected it with "
                "'linear' or 'cubic' alone. Leave it out."
            )

    def places(self, places: Shape) -> Shape:
        """The places that are made of these."""
        if self.size is not None:
            return spread(self.size, len(places))
        assert self.scale is not None
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,) * len(places)
        return tuple(math.floor(n * scale) for n, scale in zip(places, scales, strict=True))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        axes = agreed_axes("Upsample", scale=self.scale, size=self.size)
        places = places_of(shape, axes)
        output = (*(max(1, n) for n in self.places(places)), shape[-1])
        if self.mode == "cubic" and len(places) != 2:
            raise Misfit(
                "(height, width, features) for mode 'cubic'", "Use mode='linear'.", output=output
            )
        if min(self.places(places)) < 1:
            raise Misfit("places enough for one to be left", "Give a larger scale.", output=output)
        return output

    def flops(self, *inputs: Shape) -> int:
        (shape,) = inputs
        axes, output = len(shape) - 1, self.infer(shape)
        reads = {"nearest": 0, "linear": 2**axes, "cubic": 4**axes}
        return 2 * elementwise(output, reads[self.mode]) if self.mode in reads else size(shape)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = resample(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}; {self.mode})"

    def label(self) -> str:
        if self.size is not None:
            return f"Upsample to {across(self.size)} · {self.mode}"
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,)
        return f"Upsample ×{'×'.join(f'{scale:g}' for scale in scales)} · {self.mode}"


@dataclass(frozen=True)
class PixelShuffle(Layer, other_spellings=("depth_to_space", "subpixel")):
    """Turns features into places: each place becomes factor × factor of them.

        a⁽ˡ⁾[r·h + i, r·w + j, c] = a⁽ˡ⁻¹⁾[h, w, r²·c + r·i + j],  r the factor

    >>> PixelShuffle(2).output_shape((7, 7, 16))
    (14, 14, 4)

    Shapes: [height, width, factor² · features] -> [factor · height, factor · width, features].

    Reference: Shi et al. 2016, arXiv:1609.05158.
    """

    factor: Annotated[int, whole(1)]

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        r = self.factor
        height, width = places_of(shape, 2)
        output = (r * height, r * width, max(1, shape[-1] // r**2))
        if shape[-1] % r**2:
            raise Misfit(
                f"features that are a multiple of {r}² = {r**2}",
                f"Give the layer before a multiple of {r**2} filters.",
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = shuffle(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}; {self.factor})"


@dataclass(frozen=True)
class PixelUnshuffle(Layer, other_spellings=("space_to_depth",)):
    """Turns places into features: factor × factor places become one.

        a⁽ˡ⁾[h, w, r²·c + r·i + j] = a⁽ˡ⁻¹⁾[r·h + i, r·w + j, c],  r the factor

    >>> PixelUnshuffle(2).output_shape((14, 14, 4))
    (7, 7, 16)

    Shapes: [factor · height, factor · width, features] -> [height, width, factor² · features].

    Reference: Shi et al. 2016, arXiv:1609.05158.
    """

    factor: Annotated[int, whole(1)]

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        r = self.factor
        height, width = places_of(shape, 2)
        output = (max(1, height // r), max(1, width // r), shape[-1] * r**2)
        if height % r or width % r:
            raise Misfit(
                f"a height and a width that are multiples of {r}",
                "Pad or Crop before it.",
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = unshuffle(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}; {self.factor})"
