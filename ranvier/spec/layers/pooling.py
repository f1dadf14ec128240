"""Pooling: one number stands for a window of places, feature by feature."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Flag, Name, real
from ranvier.spec.layer import Layer
from ranvier.spec.layers.spatial import (
    Extent,
    Padding,
    Size,
    Stride,
    Window,
    across,
    agreed_axes,
    places_of,
    spread,
)


class Pooling:
    """Mixed into a layer whose `window` walks over places, by its own width unless told."""

    name: Name
    window: Extent
    stride: Extent | None
    ceil: bool
    padding: Extent | str = "valid"
    dilation: Extent = 1
    sign: ClassVar[str] = ""

    def check(self) -> None:
        """Refuse numbers that do not go together.

        Raises:
            NetworkError: if fields speak of different numbers of axes, or the padding is wider than
                half the window, which would then see nothing but padding.
        """
        where = self.name or type(self).__name__
        axes = self.axes() or 1
        padding = () if isinstance(self.padding, str) else spread(self.padding, axes)
        for padded, width in zip(padding, spread(self.window, axes), strict=False):
            if 2 * padded > width:
                raise NetworkError(
                    f"{where}.padding: got {padded} around a window of {width}; expected at most "
                    f"half the window, {width // 2}. Pad less or use padding='same'."
                )

    def axes(self) -> int | None:
        """How many axes of space the fields speak of, or None where any number will do."""
        return agreed_axes(
            self.name or type(self).__name__,
            window=self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )

    def walk(self, axes: int) -> Window:
        """The window's walk over this many axes."""
        padding = self.padding
        return Window(
            spread(self.window, axes),
            spread(self.window if self.stride is None else self.stride, axes),
            spread(self.dilation, axes),
            padding if isinstance(padding, str) else spread(padding, axes),
            ceil=self.ceil,
        )

    def infer(self, *inputs: Shape) -> Shape:
        """One place for each stand of the window."""
        (shape,) = inputs
        places = places_of(shape, self.axes())
        return self.walk(len(places)).over(places, shape[-1])

    def flops(self, *inputs: Shape) -> int:
        """An operation for each number in each window."""
        (shape,) = inputs
        return size(self.infer(shape)) * size(spread(self.window, len(shape) - 1))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        """What is made of the numbers j of a window."""
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}ₜ = {self.sign}ⱼ a{source}ₛₜ₊ⱼ"

    def label(self) -> str:
        """The window and how it goes."""
        stride = "" if self.stride is None else f" · stride {across(self.stride)}"
        return f"{type(self).__name__} {across(self.window)}{stride}"


@dataclass(frozen=True)
class MaxPool(
    Pooling,
    Layer,
    other_spellings=(
        "max_pool1d", "max_pool2d", "max_pool3d", "max_pooling1d", "max_pooling2d",
        "max_pooling3d", "max_pooling",
    ),
):  # fmt: skip
    """Keeps the largest number of each window, feature by feature.

        a⁽ˡ⁾ₜ = maxⱼ a⁽ˡ⁻¹⁾_{s·t + d·j − p}

    The stride is the window's width unless told. `padding` is "valid", "same" (⌈n / stride⌉ places
    of n) or a number up to half the window; what is padded never is the largest. `ceil` lets a last
    window reach out at the end.

    >>> MaxPool(2).output_shape((28, 28, 32))
    (14, 14, 32)

    Shapes: [*places, features] -> [*places, features].

    Reference: Zhou & Chellappa 1988; Goodfellow, Bengio & Courville, Deep Learning (2016), ch. 9.
    """

    window: Size = 2
    _: KW_ONLY
    stride: Stride = None
    padding: Padding = "valid"
    dilation: Size = 1
    ceil: Flag = False
    sign: ClassVar[str] = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()


@dataclass(frozen=True)
class AveragePool(
    Pooling,
    Layer,
    other_spellings=(
        "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "average_pooling",
        "average_pooling1d", "average_pooling2d", "average_pooling3d", "mean_pool",
    ),
):  # fmt: skip
    """Averages the numbers of each window, feature by feature.

        a⁽ˡ⁾ₜ = (1 / N) Σⱼ a⁽ˡ⁻¹⁾_{s·t + j − p}

    N counts the places that are there; with `count_padding` those that were put there as well, as
    torch does unless told. Stride, padding and `ceil` are as in `MaxPool`.

    >>> AveragePool(3, stride=2, padding="same").output_shape((9, 4))
    (5, 4)

    Shapes: [*places, features] -> [*places, features].

    Reference: LeCun et al. 1998, Proc. IEEE 86(11) (subsampling).
    """

    window: Size = 2
    _: KW_ONLY
    stride: Stride = None
    padding: Padding = "valid"
    ceil: Flag = False
    count_padding: Flag = False
    sign: ClassVar[str] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()


@dataclass(frozen=True)
class PowerPool(
    Pooling,
    Layer,
    other_spellings=("lp_pool", "lppool", "lp_pool1d", "lp_pool2d", "lp_pool3d"),
):
    """Takes the norm of each window: between a sum (power 1) and the maximum (power → ∞).

        a⁽ˡ⁾ₜ = (Σⱼ |a⁽ˡ⁻¹⁾_{s·t + j}|ᵖ)^(1/p)

    >>> PowerPool(2, window=3).output_shape((9, 4))
    (3, 4)

    Shapes: [*places, features] -> [*places, features].

    Reference: Sermanet, Chintala & LeCun 2012, arXiv:1204.3968.
    """

    power: Annotated[float, real("a number of at least 1", lambda value: value >= 1)]
    window: Size = 2
    _: KW_ONLY
    stride: Stride = None
    ceil: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()

    def flops(self, *inputs: Shape) -> int:
        return 2 * super().flops(*inputs) + size(self.infer(*inputs))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}ₜ = (Σⱼ |a{source}ₛₜ₊ⱼ|ᵖ)^(1/p), p = {self.power:g}"

    def label(self) -> str:
        return f"{super().label()} · power {self.power:g}"


class Adaptive:
    """Mixed into a layer that makes windows for a number of places asked for."""

    name: Name
    places: Extent
    sign: ClassVar[str] = ""

    def axes(self) -> int | None:
        """How many axes of space the places speak of, or None where any number will do."""
        return agreed_axes(self.name or type(self).__name__, places=self.places)

    def infer(self, *inputs: Shape) -> Shape:
        """The places asked for."""
        (shape,) = inputs
        places = places_of(shape, self.axes())
        return (*spread(self.places, len(places)), shape[-1])

    def flops(self, *inputs: Shape) -> int:
        """An operation for each number."""
        return size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        """What is made of the numbers j of window t."""
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here}ₜ = {self.sign} a{source}ⱼ, ⌊tn/m⌋ ≤ j < ⌈(t+1)n/m⌉"

    def label(self) -> str:
        """The places asked for."""
        return f"{type(self).__name__} {across(self.places)}"


@dataclass(frozen=True)
class AdaptiveMaxPool(
    Adaptive,
    Layer,
    other_spellings=(
        "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
        "adaptive_max_pooling1d", "adaptive_max_pooling2d", "adaptive_max_pooling3d",
    ),
):  # fmt: skip
    """Keeps the largest number of each of as many windows as `places` asks for.

        a⁽ˡ⁾ₜ = max a⁽ˡ⁻¹⁾ⱼ,  ⌊t n / m⌋ ≤ j < ⌈(t + 1) n / m⌉,  m places of n

    >>> AdaptiveMaxPool((2, 3)).output_shape((7, 9, 4))
    (2, 3, 4)

    Shapes: [*places, features] -> [*`places`, features].

    Reference: He et al. 2015, arXiv:1406.4729 (spatial pyramid pooling).
    """

    places: Size
    sign: ClassVar[str] = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes()


@dataclass(frozen=True)
class AdaptiveAveragePool(
    Adaptive,
    Layer,
    other_spellings=(
        "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
        "adaptive_average_pooling1d", "adaptive_average_pooling2d", "adaptive_average_pooling3d",
    ),
):  # fmt: skip
    """Averages each of as many windows as `places` asks for.

        a⁽ˡ⁾ₜ = mean a⁽ˡ⁻¹⁾ⱼ,  ⌊t n / m⌋ ≤ j < ⌈(t + 1) n / m⌉,  m places of n

    >>> AdaptiveAveragePool(7).output_shape((30, 30, 4))
    (7, 7, 4)

    Shapes: [*places, features] -> [*`places`, features].

    Reference: He et al. 2015, arXiv:1406.4729 (spatial pyramid pooling).
    """

    places: Size
    sign: ClassVar[str] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes()
