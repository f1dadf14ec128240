"""Pictures of another size: resized, or a part of them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, word
from ranvier.spec.layer import Family, Layer
from ranvier.spec.trace import Misfit

Method = Literal["nearest", "bilinear", "bicubic", "area"]
Aspect = Literal["stretch", "crop", "pad"]


def check_picture(shape: Shape, output: Shape | None = None) -> None:
    """Raise `Misfit` for what is no picture."""
    if len(shape) != 3:
        raise Misfit(
            "(height, width, channels)",
            "Reshape what comes into pictures, the channels last; grey ones have one channel.",
            output=output,
        )


@dataclass(frozen=True)
class Resizing(Layer, other_spellings=("resize",)):
    """Makes every picture `height` × `width` by looking between its points.

        a⁽ˡ⁾(i, j) = a⁽ˡ⁻¹⁾((i + ½) H/H′ − ½, (j + ½) W/W′ − ½)

    `aspect` says what is done where the sides have another ratio: stretch, crop the longer side
    first, or pad the shorter one with zeros. `antialias` blurs before shrinking, as PIL does.

    >>> Resizing(32, 32).output_shape((48, 60, 3))
    (32, 32, 3)

    Shapes: [H, W, channels] -> [height, width, channels].
    """

    family: ClassVar[Family] = "shape"

    height: Count
    width: Count
    _: KW_ONLY
    method: Annotated[Method, word("nearest", "bilinear", "bicubic", "area")] = "bilinear"
    aspect: Annotated[Aspect, word("stretch", "crop", "pad")] = "stretch"
    antialias: Flag = False

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        output = (self.height, self.width, shape[-1] if shape else 1)
        check_picture(shape, output)
        return output

    def taken(self, height: int, width: int) -> tuple[int, int]:
        """The sides of the middle part that is resized, where the rest is cropped."""
        if self.aspect != "crop":
            return height, width
        return (
            min(height, max(1, round(width * self.height / self.width))),
            min(width, max(1, round(height * self.width / self.height))),
        )

    def filled(self, height: int, width: int) -> tuple[int, int]:
        """The sides that the picture is resized to, where the rest is padded."""
        if self.aspect != "pad":
            return self.height, self.width
        scale = min(self.height / height, self.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def flops(self, *inputs: Shape) -> int:
        points = {"nearest": 0, "bilinear": 4, "bicubic": 16, "area": 4}[self.method]
        return 2 * points * size(self.infer(*inputs))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = a{source} resized, {self.method}"


@dataclass(frozen=True)
class CenterCrop(Layer):
    """Keeps the middle of every picture.

        a⁽ˡ⁾(i, j) = a⁽ˡ⁻¹⁾(i + ⌊(H − H′)/2⌋, j + ⌊(W − W′)/2⌋)

    Shapes: [H, W, channels], at least `height` × `width` -> [height, width, channels].
    """

    family: ClassVar[Family] = "shape"

    height: Count
    width: Count

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        output = (self.height, self.width, shape[-1] if shape else 1)
        check_picture(shape, output)
        if shape[0] < self.height or shape[1] < self.width:
            raise Misfit(
                f"(height, width, channels) of at least {self.height} × {self.width}",
                "Crop less, or put a Resizing before it.",
                output=output,
            )
        return output

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = middle {self.height} × {self.width} of a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
