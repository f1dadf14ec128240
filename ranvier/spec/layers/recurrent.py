"""Recurrent layers: a state is handed from place to place, so that each output knows the past.

T places, C features, H units; layers are numbered by k, places by t. W reads the input, U the
state. Weights have torch's names and layout, gates stacked along the first axis.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Share, optional, real, whole, word
from ranvier.spec.initializers import (
    INITIALIZERS,
    ZEROS,
    Distribution,
    Initializer,
    InitializerField,
    initializer,
)
from ranvier.spec.layer import Layer, Parameter
from ranvier.spec.layers.over_time import OverTime
from ranvier.spec.parameters import number

INITIALIZERS.add(
    "forget_gate",
    Distribution(
        "b = {value:g} in the second of four equal parts, 0 elsewhere", {"value": number(1.0)}
    ),
)

DirectionsJoin = Literal["concat", "sum", "average", "multiply"]


@dataclass(frozen=True)
class Direction:
    """One pass over the places by one of the stacked layers: its weights end in `suffix`."""

    suffix: str
    backwards: bool


@dataclass(frozen=True, repr=False)
class Recurrence(OverTime):
    """The fields of the stacked recurrent layers, beside those of every layer over time.

    `layers`: so many, each reading the outputs of the one before. `bidirectional`: each layer reads
    the places in both orders with weights of their own; between layers both outputs stand end to
    end, at the end `join` makes one of them. `backwards`: reads from the last real place to the
    first; outputs stay at their places. `dropout` silences what goes from layer to layer,
    `recurrent_dropout` what U reads: the same units at all places of a sample.

    The final state is [H], or [layers · directions, H] where there are several, in torch's order.
    """

    units: Count
    _: KW_ONLY
    layers: Annotated[int, whole(1, 1_000)] = 1
    bidirectional: Flag = False
    join: Annotated[DirectionsJoin, word("concat", "sum", "average", "multiply")] = "concat"
    backwards: Flag = False
    dropout: Share = 0.0
    recurrent_dropout: Share = 0.0
    bias: Flag = True
    initializer: InitializerField = None
    recurrent_initializer: InitializerField = None

    gates: ClassVar[int] = 1
    pointwise: ClassVar[int] = 2
    """Operations per unit and place beside the products with W and U."""

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]  # Layer's, which follows in every subclass
        if self.bidirectional and self.backwards:
            raise NetworkError(
                f"{getattr(self, 'name', None) or type(self).__name__}: got bidirectional and "
                "backwards; expected one of them. Leave backwards out: both orders are read."
            )

    @property
    def directions(self) -> tuple[tuple[Direction, ...], ...]:
        """Per stacked layer, its passes over the places."""
        both = [("", self.backwards), ("_reverse", True)][: 2 if self.bidirectional else 1]
        return tuple(
            tuple(Direction(f"l{k}{end}", backwards) for end, backwards in both)
            for k in range(self.layers)
        )

    @property
    def given(self) -> int:
        """How many numbers one direction hands on per place."""
        return self.units

    def output_of(self, shape: Shape) -> Shape:
        both = 2 if self.bidirectional and self.join == "concat" else 1
        return (*(shape[:1] if self.sequence else ()), self.given * both)

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        return (self.stacked(self.given),)

    def stacked(self, width: int) -> Shape:
        """The shape of a part of the state that has `width` numbers per layer and direction."""
        passes = self.layers * (2 if self.bidirectional else 1)
        return (width,) if passes == 1 else (passes, width)

    def widths(self, features: int) -> list[int]:
        """How many numbers each stacked layer reads per place."""
        both = 2 if self.bidirectional else 1
        return [features] + [self.given * both] * (self.layers - 1)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        found = {}
        for width, passes in zip(self.widths(inputs[0][-1]), self.directions, strict=True):
            for each in passes:
                found.update(self.weights(width, each.suffix))
        return found

    def weights(self, width: int, suffix: str) -> dict[str, Parameter]:
        """The weights of one direction that reads `width` numbers per place."""
        rows, units, given = self.gates * self.units, self.units, self.given
        found = {
            f"weight_ih_{suffix}": Parameter((rows, width), self.start, width, units),
            f"weight_hh_{suffix}": Parameter((rows, given), self.recurrent_start, given, units),
        }
        if self.bias:
            found[f"bias_ih_{suffix}"] = Parameter((rows,), self.bias_start)
            found[f"bias_hh_{suffix}"] = Parameter((rows,), ZEROS)
        return found

    @property
    def start(self) -> Initializer:
        """How W starts; a gate counts as a layer of its own in its fans."""
        return initializer(self.initializer or "glorot_uniform")

    @property
    def recurrent_start(self) -> Initializer:
        """How U starts, all gates as one matrix."""
        return initializer(self.recurrent_initializer or "orthogonal")

    @property
    def bias_start(self) -> Initializer:
        """How the bias beside W starts."""
        return ZEROS

    def flops(self, *inputs: Shape) -> int:
        places, features = inputs[0]
        both = 2 if self.bidirectional else 1
        per_place = 0
        for width in self.widths(features):
            rows = self.gates * self.units
            products = rows * (2 * width + 2 * self.given + 2 * self.bias)
            per_place += both * (products + self.pointwise * self.units + self.projecting())
        if self.bidirectional and self.join != "concat":
            per_place += self.given * (2 if self.join == "average" else 1)
        return places * per_place

    def projecting(self) -> int:
        """Operations that make what is handed on of a state of other width."""
        return 0

    def said(self) -> list[str]:
        stack = [f"× {self.layers}"] if self.layers > 1 else []
        ways = ["⇄"] if self.bidirectional else ["←"] if self.backwards else []
        return [str(self.units), *stack, *ways]

    def initialisation(self) -> str:
        return (
            f"W {self.start.function}: {self.start.meaning}; "
            f"U {self.recurrent_start.function}: {self.recurrent_start.meaning}"
        )

    def before_and_after(self) -> tuple[str, str]:
        """The superscript of the state that is read, and what an equation says at its end."""
        stack = f", {self.layers} layers" if self.layers > 1 else ""
        ways = ", both ways" if self.bidirectional else ""
        return "ₜ₊₁" if self.backwards else "ₜ₋₁", stack + ways


@dataclass(frozen=True)
class SimpleRNN(Recurrence, Layer, other_spellings=("rnn", "elman")):
    """Hands its output on to the next place.

        h_t = f(W x_t + b + U h_{t−1} + b′),  f = tanh or relu

    W starts as Glorot's, U orthogonal, biases at zero, as in Keras; torch draws all from
    U(−1/√H, 1/√H). Keras has one bias where torch has two; only their sum matters.

    >>> SimpleRNN(64).output_shape((20, 8)), SimpleRNN(64, sequence=False).output_shape((20, 8))
    ((20, 64), (64,))

    Shapes: [T, C] -> [T, H], without `sequence` [H]; bidirectional with concat: 2H.

    Reference: Elman 1990, Cognitive Science 14; Gal & Ghahramani 2016, arXiv:1512.05287, for
    recurrent dropout.
    """

    _: KW_ONLY
    activation: Annotated[Literal["tanh", "relu"], word("tanh", "relu")] = "tanh"

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        step, end = self.before_and_after()
        bias = " + b" if self.bias else ""
        return f"a{here}ₜ = {self.activation}(W a{source}ₜ + U a{here}{step}{bias}){end}"


@dataclass(frozen=True)
class LSTM(Recurrence, Layer):
    """Keeps a memory c beside its output, which gates let it write, keep and read.

        [i; f; g; o]_t = W x_t + b + U h_{t−1} + b′
        c_t = σ(f_t) ⊙ c_{t−1} + σ(i_t) ⊙ tanh(g_t)
        h_t = σ(o_t) ⊙ tanh(c_t),  with a projection: h_t = P (σ(o_t) ⊙ tanh(c_t))

    The state is (h, c). Gates stand in torch's order, which is Keras's too (i, f, c, o). W starts
    as Glorot's, U orthogonal, the forget gate's bias at `forget_bias`, so that memory lasts from
    the start: in `bias_ih` alone, since only the sum of the two biases matters. Keras does the
    same; torch draws all from U(−1/√H, 1/√H).

    >>> LSTM(64, layers=2, bidirectional=True).output_shape((20, 8))
    (20, 128)
    >>> LSTM(64, sequence=False, states=True).output_shapes((20, 8))
    ((64,), (64,), (64,))

    Shapes: [T, C] -> [T, H], without `sequence` [H]; bidirectional with concat: 2H; with a
        projection its width in place of H.

    Reference: Hochreiter & Schmidhuber 1997, Neural Computation 9; Gers et al. 2000 (forget gate);
    Jozefowicz et al. 2015 (its bias); Sak et al. 2014, arXiv:1402.1128 (projection).
    """

    _: KW_ONLY
    projection: Annotated[int | None, optional(whole(1))] = None
    forget_bias: Annotated[float, real("a number")] = 1.0

    gates: ClassVar[int] = 4
    pointwise: ClassVar[int] = 13

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.projection is not None and self.projection >= self.units:
            raise NetworkError(
                f"{self.name or 'LSTM'}: got a projection of {self.projection} for {self.units} "
                "units; expected fewer than units. Give a smaller one, or leave it out."
            )

    @property
    def given(self) -> int:
        return self.projection or self.units

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        return self.stacked(self.given), self.stacked(self.units)

    def weights(self, width: int, suffix: str) -> dict[str, Parameter]:
        found = super().weights(width, suffix)
        if self.projection:
            shape = (self.projection, self.units)
            found[f"weight_hr_{suffix}"] = Parameter(shape, self.start, shape[1], shape[0])
        return found

    @property
    def bias_start(self) -> Initializer:
        return Initializer("forget_gate", value=self.forget_bias)

    def projecting(self) -> int:
        return 2 * self.units * self.projection if self.projection else 0

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        step, end = self.before_and_after()
        bias = " + b" if self.bias else ""
        product = "P (σ(o) ⊙ tanh(cₜ))" if self.projection else "σ(o) ⊙ tanh(cₜ)"
        return (
            f"a{here}ₜ = {product}, cₜ = σ(f) ⊙ c{step} + σ(i) ⊙ tanh(g), "
            f"[i; f; g; o] = W a{source}ₜ + U a{here}{step}{bias}{end}"
        )


@dataclass(frozen=True)
class GRU(Recurrence, Layer):
    """Mixes its old output with a new one, place by place, as much as its update gate says.

        r_t = σ(W_r x_t + b_r + U_r h_{t−1} + b′_r)
        z_t = σ(W_z x_t + b_z + U_z h_{t−1} + b′_z)
        n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t−1} + b′_n))
        h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}

    Gates stand in torch's order r, z, n (Keras: z, r, n). The reset gate acts after the product
    with U, as in torch and in Keras's default, reset_after=True. W starts as Glorot's, U
    orthogonal, biases at zero, as in Keras; torch draws all from U(−1/√H, 1/√H).

    >>> GRU(64).output_shape((20, 8))
    (20, 64)

    Shapes: [T, C] -> [T, H], without `sequence` [H]; bidirectional with concat: 2H.

    Reference: Cho et al. 2014, arXiv:1406.1078.
    """

    gates: ClassVar[int] = 3
    pointwise: ClassVar[int] = 12

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        step, end = self.before_and_after()
        read, kept = f"a{source}ₜ", f"a{here}{step}"
        gates = " + b" if self.bias else ""
        inner, outer = (" + b′ₙ", " + bₙ") if self.bias else ("", "")
        return (
            f"a{here}ₜ = (1 − z) ⊙ n + z ⊙ {kept}, "
            f"n = tanh(Wₙ {read}{outer} + r ⊙ (Uₙ {kept}{inner})), "
            f"[r; z] = σ(W {read} + U {kept}{gates}){end}"
        )
