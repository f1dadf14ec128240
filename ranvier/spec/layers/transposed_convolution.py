"""Transposed convolutions: from few places to many, with weights that are learnt."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, optional, whole
from ranvier.spec.initializers import ZEROS, InitializerField
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.convolution import Walking
from ranvier.spec.layers.linear_map import LinearMap
from ranvier.spec.layers.spatial import (
    Extent,
    Padding,
    Size,
    Stride,
    agreed_axes,
    per_axis,
    places_of,
    spread,
)
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class Widening:
    """What becomes of the (n − 1) · stride + span places that n make, along one axis.

    `before` and `after` are cut off at the two ends; `extra` ones, which no kernel reaches, are
    put at the end.
    """

    before: int
    after: int
    extra: int


@dataclass(frozen=True)
class ConvTranspose(
    LinearMap,
    Walking,
    Layer,
    other_spellings=(
        "conv1d_transpose", "conv2d_transpose", "conv3d_transpose", "conv_transpose1d",
        "conv_transpose2d", "conv_transpose3d", "transposed_conv", "deconvolution", "deconv",
        "transposed_convolution",
    ),
):  # fmt: skip
    """Lets every place write a kernel's worth of places: the way back through a convolution.

        z⁽ˡ⁾_{s·t + d·j − p} += a⁽ˡ⁻¹⁾ₜ W⁽ˡ⁾ⱼ for all places t and kernel places j;  a⁽ˡ⁾ = f(z + b)

    Of n places, with a span of d(k − 1) + 1, come

        a number p:  (n − 1) · stride − 2p + span + output_padding, as in torch
        "valid":     (n − 1) · stride + max(span, stride), as in Keras
        "same":      n · stride; half of what is cut off goes at the start, an odd one at the end

    `output_padding` sets how many places are put at the end, for the size that a strided
    convolution could also have come from; with "same" and "valid" it is as in Keras.

    Weights are laid out as torch's: [features, filters / groups, *kernel]. Every place that comes
    out adds up about kernel / stride places, so fan_in = (features / groups) · kernel / stride.

    >>> ConvTranspose(16, 4, stride=2, padding="same").output_shape((7, 7, 32))
    (14, 14, 16)

    Shapes: [*places, features] -> [*places, filters].

    Reference: Zeiler et al. 2010 (CVPR); Dumoulin & Visin 2016, arXiv:1603.07285, ch. 4.
    """

    family: ClassVar[Family] = "map"

    filters: Count
    kernel: Size
    _: KW_ONLY
    stride: Stride = 1
    padding: Padding = "valid"
    output_padding: Annotated[Extent | None, optional(per_axis(whole(0)))] = None
    dilation: Size = 1
    groups: Count = 1
    bias: Flag = True
    activation: ActivationField = None
    initializer: InitializerField = None

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self.name or "ConvTranspose"
        axes = self.axes(where)
        if self.filters % self.groups:
            raise NetworkError(
                f"{where}.filters: got {self.filters} with groups={self.groups}; expected a "
                "multiple of the groups."
            )
        count = axes or 1
        limits = [max(s, d) for s, d in zip(*self._steps(count), strict=True)]
        for padded, limit in zip(spread(self.output_padding or 0, count), limits, strict=True):
            if padded >= limit:
                raise NetworkError(
                    f"{where}.output_padding: got {padded}; expected less than the stride or the "
                    f"dilation, so at most {limit - 1}: more places could never have come in."
                )

    def axes(self, where: str) -> int | None:
        said = {name: getattr(self, name) for name in ("kernel", "stride", "padding", "dilation")}
        return agreed_axes(where, **said, output_padding=self.output_padding)

    def _steps(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return spread(self.stride or 1, axes), spread(self.dilation, axes)

    def widenings(self, axes: int) -> tuple[Widening, ...]:
        """What is cut off and put on, along each axis."""
        given = None if self.output_padding is None else spread(self.output_padding, axes)
        window = self.window(axes)
        return tuple(
            self._widening(i, stride, span, None if given is None else given[i])
            for i, (stride, span) in enumerate(zip(window.stride, window.spans, strict=True))
        )

    def _widening(self, axis: int, stride: int, span: int, given: int | None) -> Widening:
        if self.padding == "same":
            # With output_padding, (n − 1) · stride + span mod 2 + output_padding come out.
            kept = stride if given is None else span % 2 + given
            cut = max(span - kept, 0)
            return Widening(cut // 2, cut - cut // 2, max(kept - span, 0))
        if self.padding == "valid":
            return Widening(0, 0, max(stride - span, 0) if given is None else given)
        assert not isinstance(self.padding, str)
        cut = spread(self.padding, axis + 1)[axis]
        # What torch puts on at the end are places that a kernel does reach, where there are any.
        extra = given or 0
        return Widening(cut, cut - extra if extra <= cut else 0, max(extra - cut, 0))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        places = places_of(shape, self.axes("ConvTranspose"), features=self.filters)
        window = self.window(len(places))
        made = [
            (n - 1) * stride + span - wide.before - wide.after + wide.extra
            for n, stride, span, wide in zip(
                places, window.stride, window.spans, self.widenings(len(places)), strict=True
            )
        ]
        output = (*(max(1, count) for count in made), self.filters)
        if min(made) < 1:
            raise Misfit(
                f"more places: with padding={self.padding} none is left of them",
                "Pad less, or use padding='same'.",
                output=output,
            )
        if shape[-1] % self.groups:
            raise Misfit(
                f"features that are a multiple of groups={self.groups}",
                "Change the groups here or the width of a layer before.",
                output=output,
            )
        return output

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        *places, features = inputs[0]
        axes = len(places)
        kernel, inside = spread(self.kernel, axes), self.filters // self.groups
        reached = features // self.groups * size(kernel) // size(spread(self.stride or 1, axes))
        weight = Parameter(
            (features, inside, *kernel),
            self.start,
            fan_in=max(1, reached),
            fan_out=inside * size(kernel),
        )
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": Parameter((self.filters,), ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        (shape,) = inputs
        output = self.infer(shape)
        kernel = size(spread(self.kernel, len(shape) - 1))
        function = activation(self.activation)
        after = function.flops(output) if function else 0
        products = size(shape) * (self.filters // self.groups) * kernel
        return 2 * products + self.bias * size(output) + after

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        bias = f" + b{here}" if self.bias else ""
        return self.activated(here, f"W{here}ᵀ ∗ a{(sources or ('⁽ˡ⁻¹⁾',))[0]}{bias}")

    def label(self) -> str:
        return self.titled(f"ConvTranspose {self.filters}", *self.walked())
