"""An LSTM over pictures: its products are convolutions, so that its state has places too."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, Share, real
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.convolution import Walking
from ranvier.spec.layers.over_time import OverTime
from ranvier.spec.layers.spatial import MAX_AXES, Padding, Size, Stride, Window, spread
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class ConvLSTM(
    OverTime,
    Walking,
    Layer,
    other_spellings=("conv_lstm1d", "conv_lstm2d", "conv_lstm3d", "convlstm2d"),
):
    """An LSTM whose input and state are pictures, or sequences in space, read by small kernels.

        [i; f; g; o]_t = W ∗ x_t + b + U ∗ h_{t−1}
        c_t = σ(f_t) ⊙ c_{t−1} + σ(i_t) ⊙ tanh(g_t),  h_t = σ(o_t) ⊙ tanh(c_t)

    `stride`, `padding` and `dilation` are those of W alone, as in `Conv`; U keeps the places. All
    places in time are convolved with W at once. Gates stand in the order i, f, g, o, as in LSTM and
    in Keras; the forget gate's bias starts at `forget_bias`. `recurrent_dropout` silences what U
    reads: the same numbers at all places in time.

    >>> ConvLSTM(8, 3, padding="same").output_shape((10, 28, 28, 1))
    (10, 28, 28, 8)
    >>> ConvLSTM(8, 3, stride=2, sequence=False).output_shape((10, 50, 4))
    (24, 8)

    Shapes: [T, *places, C] -> [T, *places′, filters], without `sequence` [*places′, filters];
        one to three axes of space.

    Reference: Shi et al. 2015, arXiv:1506.04214 (here without peepholes, as in Keras).
    """

    filters: Count
    kernel: Size
    _: KW_ONLY
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Size = 1
    bias: Flag = True
    recurrent_dropout: Share = 0.0
    forget_bias: Annotated[float, real("a number")] = 1.0
    initializer: InitializerField = None
    recurrent_initializer: InitializerField = None
    family: ClassVar[Family] = "map"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axes(self.name or "ConvLSTM")

    def fits(self, shape: Shape) -> bool:
        axes = self.axes("ConvLSTM")
        space = len(shape) - 2
        return 1 <= space <= MAX_AXES if axes is None else space == axes

    def places_needed(self) -> str:
        axes = self.axes("ConvLSTM")
        along = ("length", "height, width", "depth, height, width")
        listed = along[:2] if axes is None else (along[axes - 1],)
        return " or ".join(f"(places in time, {each}, features)" for each in listed)

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        places = shape[1:-1]
        output = self.window(len(places)).over(places, self.filters)
        return output, output

    def output_of(self, shape: Shape) -> Shape:
        time = shape[:1] if self.sequence else ()
        try:
            return (*time, *self.state_shapes(shape)[0])
        except Misfit as misfit:
            output = (*time, *(misfit.output or ()))
            raise Misfit(misfit.wanted, misfit.mend, output=output) from None

    def keeping(self, axes: int) -> Window:
        """The walk of U over the state."""
        return Window(spread(self.kernel, axes), (1,) * axes, (1,) * axes, "same")

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        *places, features = inputs[0][1:]
        kernel, filters = spread(self.kernel, len(places)), self.filters
        reads = initializer(self.initializer or "glorot_uniform")
        keeps = initializer(self.recurrent_initializer or "orthogonal")
        area = size(kernel)
        found = {
            "weight_ih": Parameter(
                (4 * filters, features, *kernel), reads, features * area, filters * area
            ),
            "weight_hh": Parameter(
                (4 * filters, filters, *kernel), keeps, filters * area, filters * area
            ),
        }
        start = Initializer("forget_gate", value=self.forget_bias)
        return found | ({"bias": Parameter((4 * filters,), start)} if self.bias else {})

    def flops(self, *inputs: Shape) -> int:
        time, *places, features = inputs[0]
        output = self.state_shapes(inputs[0])[0]
        area = size(spread(self.kernel, len(places)))
        products = 4 * (2 * area * (features + self.filters) + self.bias)
        return time * size(output) * (products + 13)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        bias = " + b" if self.bias else ""
        return (
            f"a{here}ₜ = σ(o) ⊙ tanh(cₜ), cₜ = σ(f) ⊙ cₜ₋₁ + σ(i) ⊙ tanh(g), "
            f"[i; f; g; o] = W ∗ a{source}ₜ + U ∗ a{here}ₜ₋₁{bias}"
        )

    def said(self) -> list[str]:
        return [str(self.filters), "·", " · ".join(self.walked())]
