"""Pictures and series cut into patches, so that each becomes a place of a sequence."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag
from ranvier.spec.initializers import ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.attention import OptionalCount
from ranvier.spec.trace import Misfit

_START = Initializer("lecun_normal")


@dataclass(frozen=True)
class PatchEmbedding(Layer, other_spellings=("patch_embed",)):
    """Cuts a picture into squares and maps each linearly: a strided convolution.

        a⁽ˡ⁾[n] = W · patch n of a⁽ˡ⁻¹⁾ + b,  patches row by row

    With a `stride` below `patch` they overlap. The weight is that of `torch.nn.Conv2d`.

    >>> PatchEmbedding(64, patch=16).output_shape((224, 224, 3))
    (196, 64)

    Shapes: [H, W, C] -> [N, units].

    Reference: Dosovitskiy et al. 2021, arXiv:2010.11929.
    """

    family: ClassVar[Family] = "embedding"

    units: Count
    _: KW_ONLY
    patch: Count
    stride: OptionalCount = None
    bias: Flag = True
    initializer: InitializerField = None

    @property
    def step(self) -> int:
        """From one patch to the next."""
        return self.stride or self.patch

    def _grid(self, shape: Shape) -> tuple[int, int]:
        if len(shape) != 3:
            raise Misfit("a picture [height, width, channels]", "Give it pictures.")
        fits = [(side - self.patch) % self.step == 0 <= side - self.patch for side in shape[:2]]
        if not all(fits):
            down = (max(0, (side - self.patch) // self.step) for side in shape[:2])
            nearest = [self.patch + steps * self.step for steps in down]
            raise Misfit(
                f"sides that patches of {self.patch} every {self.step} fill, such as "
                f"{nearest[0]} × {nearest[1]}",
                "Resize the picture or take another patch.",
                output=(1, self.units),
            )
        rows, columns = ((side - self.patch) // self.step + 1 for side in shape[:2])
        return rows, columns

    def infer(self, *inputs: Shape) -> Shape:
        rows, columns = self._grid(inputs[0])
        return (rows * columns, self.units)

    @property
    def start(self) -> Initializer:
        """How the weight starts."""
        return initializer(self.initializer or _START)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        channels, area = inputs[0][2], self.patch**2
        shape = (self.units, channels, self.patch, self.patch)
        weight = Parameter(shape, self.start, fan_in=channels * area, fan_out=self.units)
        bias = {"bias": Parameter((self.units,), ZEROS)} if self.bias else {}
        return {"weight": weight, **bias}

    def flops(self, *inputs: Shape) -> int:
        places, units = self.infer(*inputs)
        return places * units * (2 * inputs[0][2] * self.patch**2 + self.bias)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        bias = f" + b{here}" if self.bias else ""
        return f"a{here} = W{here} patches(a{(sources or ('⁽ˡ⁻¹⁾',))[0]}){bias}"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"

    def label(self) -> str:
        return f"PatchEmbedding {self.units} · {self.patch} × {self.patch}"


@dataclass(frozen=True)
class SeriesPatches(Layer, other_spellings=("patching",)):
    """Puts `size` places of a series beside each other, every `stride` places, as one place.

        a⁽ˡ⁾[n] = [a⁽ˡ⁻¹⁾[n · stride]; …; a⁽ˡ⁻¹⁾[n · stride + size − 1]]

    A patch knows what a single moment cannot, and the sequence is shorter for attention. Places at
    the end that fill no patch are left out. A `Dense` layer after it embeds the patches.

    >>> SeriesPatches(16, stride=8).output_shape((336, 7))
    (41, 112)

    Shapes: [T, C] -> [(T − size) / stride + 1, size · C].

    Reference: Nie et al. 2023, arXiv:2211.14730 (PatchTST).
    """

    family: ClassVar[Family] = "shape"

    size: Count
    _: KW_ONLY
    stride: OptionalCount = None

    @property
    def step(self) -> int:
        """From one patch to the next."""
        return self.stride or self.size

    def infer(self, *inputs: Shape) -> Shape:
        shape = inputs[0]
        if len(shape) != 2 or shape[0] < self.size:
            raise Misfit(
                f"a series [places, features] of at least {self.size} places",
                "Give longer series or take smaller patches.",
                output=(1, self.size * shape[-1]) if len(shape) == 2 else None,
            )
        return ((shape[0] - self.size) // self.step + 1, self.size * shape[1])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = patches(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"
