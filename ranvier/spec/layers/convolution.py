"""Convolutions along one, two or three axes: the same few weights at every place.

How many axes follows from the input: [length, features], [height, width, features], [depth,
height, width, features], or from whatever is said with one number per axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, word
from ranvier.spec.initializers import ZEROS, InitializerField
from ranvier.spec.layer import Family, Form, Layer, Parameter, Run
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.linear_map import LinearMap
from ranvier.spec.layers.spatial import (
    CausalPadding,
    Extent,
    Size,
    Stride,
    Window,
    across,
    agreed_axes,
    places_of,
    spread,
)
from ranvier.spec.trace import Flowed, Misfit, Signal

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
_Mode = Annotated[PaddingMode, word("zeros", "reflect", "replicate", "circular")]


class Walking:
    """Mixed into a layer whose `kernel` walks over places with a stride and a dilation."""

    kernel: Extent
    stride: Extent | None
    dilation: Extent
    padding: Extent | str

    def axes(self, where: str) -> int | None:
        """How many axes of space the fields speak of, or None where any number will do."""
        said = (self.kernel, self.stride, self.dilation, self.padding)
        names = ("kernel", "stride", "dilation", "padding")
        return agreed_axes(where, **dict(zip(names, said, strict=True)))

    def window(self, axes: int) -> Window:
        """The kernel's walk over this many axes."""
        padding = self.padding
        return Window(
            spread(self.kernel, axes),
            spread(self.stride or 1, axes),
            spread(self.dilation, axes),
            padding if isinstance(padding, str) else spread(padding, axes),
        )

    def walked(self) -> list[str]:
        """The kernel and what must be said of its walk, for a drawing."""
        words = [f"kernel {across(self.kernel)}"]
        for name in ("stride", "dilation"):
            value = getattr(self, name) or 1
            if value != 1:
                words.append(f"{name} {across(value)}")
        return words


def check_padding_mode(layer: Conv | DepthwiseConv, where: str) -> None:
    """Refuse what has no meaning together.

    Raises:
        NetworkError: for causal padding with anything but zeros.
    """
    if layer.padding == "causal" and layer.padding_mode != "zeros":
        raise NetworkError(
            f"{where}.padding_mode: got {layer.padding_mode!r} with causal padding; expected "
            "'zeros', as the past before a sequence is unknown. Leave it out."
        )


@dataclass(frozen=True)
class Conv(
    LinearMap,
    Walking,
    Layer,
    other_spellings=(
        "conv1d", "conv2d", "conv3d", "conv1_d", "conv2_d", "conv3_d", "convolution",
        "convolution1d", "convolution2d", "convolution3d", "causal_conv", "causal_conv1d",
    ),
):  # fmt: skip
    """Slides a small kernel over all places, so that a pattern is found wherever it stands.

        z⁽ˡ⁾ₜ = Σⱼ W⁽ˡ⁾ⱼ a⁽ˡ⁻¹⁾_{s·t + d·j − p} + b⁽ˡ⁾,  a⁽ˡ⁾ = f(z⁽ˡ⁾)

    t is a place and j one of the kernel's, along every axis; s the stride, d the dilation, p the
    places put before. `padding` is "valid" (none), "same" (⌈n / stride⌉ places of n; where the
    places to add are odd, one more after than before, as in TensorFlow), "causal" (one axis: no
    place sees a later one), or a number of places on both sides. `padding_mode` says what is put
    there. With `groups`, each group of filters sees only its own group of features.

    Weights are laid out as torch's: [filters, features / groups, *kernel]. They start as those of
    `Dense` do, with fan_in = (features / groups) · kernel and fan_out = filters · kernel.

    >>> Conv(32, 3, padding="same", stride=2).output_shape((28, 28, 1))
    (14, 14, 32)
    >>> Conv(8, 5, padding="causal", dilation=2).output_shape((100, 4))
    (100, 8)

    Shapes: [*places, features] -> [*places, filters].

    Reference: LeCun et al. 1998, Proc. IEEE 86(11); Dumoulin & Visin 2016, arXiv:1603.07285; van
    den Oord et al. 2016, arXiv:1609.03499 (causal, dilated).
    """

    family: ClassVar[Family] = "map"

    filters: Count
    kernel: Size
    _: KW_ONLY
    stride: Stride = 1
    padding: CausalPadding = "valid"
    dilation: Size = 1
    groups: Count = 1
    bias: Flag = True
    activation: ActivationField = None
    padding_mode: _Mode = "zeros"
    initializer: InitializerField = None

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self.name or "Conv"
        self.axes(where)
        check_padding_mode(self, where)
        if self.filters % self.groups:
            raise NetworkError(
                f"{where}.filters: got {self.filters} with groups={self.groups}; expected a "
                f"multiple of the groups. Give it {math.ceil(self.filters / self.groups)} · "
                f"{self.groups} = {math.ceil(self.filters / self.groups) * self.groups} filters."
            )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        places = places_of(shape, self.axes("Conv"), features=self.filters)
        window = self.window(len(places))
        check_walk(window, places, self.padding_mode, self.filters)
        output = window.over(places, self.filters)
        if shape[-1] % self.groups:
            raise Misfit(
                f"features that are a multiple of groups={self.groups}",
                "Change the groups here or the width of a layer before.",
                output=output,
            )
        return output

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        *places, features = inputs[0]
        kernel = spread(self.kernel, len(places))
        inside = features // self.groups
        weight = Parameter(
            (self.filters, inside, *kernel),
            self.start,
            fan_in=inside * size(kernel),
            fan_out=self.filters * size(kernel),
        )
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": Parameter((self.filters,), ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        *places, features = inputs[0]
        output = self.infer(*inputs)
        products = features // self.groups * size(spread(self.kernel, len(places)))
        function = activation(self.activation)
        after = function.flops(output) if function else 0
        return size(output) * (2 * products + self.bias) + after

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        bias = f" + b{here}" if self.bias else ""
        return self.activated(here, f"W{here} ∗ a{(sources or ('⁽ˡ⁻¹⁾',))[0]}{bias}")

    def label(self) -> str:
        words = [f"Conv {self.filters}", *self.walked()]
        if self.groups > 1:
            words.append(f"{self.groups} groups")
        if self.padding == "causal":
            words.append("causal")
        return self.titled(*words)


def check_walk(window: Window, places: Sequence[int], mode: PaddingMode, features: int) -> None:
    """Refuse a walk that its padding cannot make.

    Raises:
        Misfit: if causal padding meets several axes, or there are too few places to mirror or wrap.
    """
    output = (*(max(1, count) for count in window.output(places)), features)
    if window.padding == "causal" and len(places) > 1:
        raise Misfit(
            "(length, features): only one axis can be time",
            "Use padding='same', or a Reshape to one axis before it.",
            output=output,
        )
    check_filled(mode, window.pads(places), places, output)


def check_filled(
    mode: str, pads: Sequence[tuple[int, int]], places: Sequence[int], output: Shape
) -> None:
    """Refuse padding that needs more places than there are to be filled from.

    Raises:
        Misfit: if "reflect" would need n or more places of n, or "circular" more than n.
    """
    spare = {"reflect": 1, "circular": 0}.get(mode)
    if spare is None or all(max(pair) + spare <= n for pair, n in zip(pads, places, strict=True)):
        return
    needed = tuple(max(pair) + spare for pair in pads)
    raise Misfit(
        f"at least {needed} places, to pad {max(map(max, pads))} of them in mode {mode!r}",
        "Pad fewer places, or in mode 'replicate', which one place is enough for.",
        output=output,
    )


@dataclass(frozen=True)
class DepthwiseConv(
    LinearMap,
    Walking,
    Layer,
    other_spellings=("depthwise_conv1d", "depthwise_conv2d", "depthwise_conv1_d",
                     "depthwise_conv2_d"),
):  # fmt: skip
    """Slides a kernel of its own over each feature: places are mixed, features are not.

        z⁽ˡ⁾ₜ,c·m+i = Σⱼ W⁽ˡ⁾ⱼ,c·m+i a⁽ˡ⁻¹⁾_{s·t + d·j − p, c} + b⁽ˡ⁾,  a⁽ˡ⁾ = f(z⁽ˡ⁾)

    It is `Conv(features · multiplier, kernel, groups=features)`, each feature c giving
    `multiplier` (m) new ones, which stand side by side.

    >>> DepthwiseConv(7, padding="same").output_shape((14, 14, 96))
    (14, 14, 96)

    Shapes: [*places, features] -> [*places, features · multiplier].

    Reference: Sifre 2014 (thesis); Howard et al. 2017, arXiv:1704.04861.
    """

    family: ClassVar[Family] = "map"

    kernel: Size
    _: KW_ONLY
    multiplier: Count = 1
    stride: Stride = 1
    padding: CausalPadding = "valid"
    dilation: Size = 1
    bias: Flag = True
    activation: ActivationField = None
    padding_mode: _Mode = "zeros"
    initializer: InitializerField = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes(self.name or "DepthwiseConv")
        check_padding_mode(self, self.name or "DepthwiseConv")

    def on(self, features: int) -> Conv:
        """The grouped convolution that this is, for an input with so many features."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "multiplier"}
        return Conv(features * self.multiplier, groups=features, **own)

    def infer(self, *inputs: Shape) -> Shape:
        features = inputs[0][-1] if inputs[0] else 1
        return self.on(features).infer(*inputs)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return self.on(inputs[0][-1]).parameters(*inputs)

    def flops(self, *inputs: Shape) -> int:
        return self.on(inputs[0][-1]).flops(*inputs)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        bias = f" + b{here}" if self.bias else ""
        return self.activated(here, f"W{here}[c] ∗ a{(sources or ('⁽ˡ⁻¹⁾',))[0]}[c]{bias}")

    def label(self) -> str:
        times = [f"× {self.multiplier}"] if self.multiplier > 1 else []
        return self.titled("DepthwiseConv", *self.walked(), *times)


@dataclass(frozen=True)
class SeparableConv(
    LinearMap,
    Walking,
    Layer,
    other_spellings=("separable_conv1d", "separable_conv2d", "separable_conv1_d",
                     "separable_conv2_d"),
):  # fmt: skip
    """Mixes places feature by feature, then features place by place: a cheap convolution.

        h = W_d ∗ a⁽ˡ⁻¹⁾ feature by feature,  a⁽ˡ⁾ = f(W_p h + b)

    A `DepthwiseConv` without bias called `depthwise`, then a `Conv` with a kernel of 1 called
    `pointwise`: k·C·m + m·C·F weights where a `Conv` has k·C·F.

    >>> SeparableConv(64, 3, padding="same").output_shape((28, 28, 32))
    (28, 28, 64)

    Shapes: [*places, features] -> [*places, filters].

    Reference: Chollet 2017, arXiv:1610.02357.
    """

    family: ClassVar[Family] = "map"
    form: ClassVar[Form] = "chain"

    filters: Count
    kernel: Size
    _: KW_ONLY
    multiplier: Count = 1
    stride: Stride = 1
    padding: CausalPadding = "valid"
    dilation: Size = 1
    bias: Flag = True
    activation: ActivationField = None
    padding_mode: _Mode = "zeros"
    initializer: InitializerField = None

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        depthwise = DepthwiseConv(
            self.kernel,
            multiplier=self.multiplier,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            padding_mode=self.padding_mode,
            bias=False,
        )
        pointwise = Conv(
            self.filters,
            1,
            bias=self.bias,
            activation=self.activation,
            initializer=self.initializer,
        )
        return run("pointwise", pointwise, *run("depthwise", depthwise, *signals))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes(self.name or "SeparableConv")

    def label(self) -> str:
        return self.titled(f"SeparableConv {self.filters}", *self.walked())
