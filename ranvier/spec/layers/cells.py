"""One step of a recurrent layer: features and a state come, the new state goes on.

C features, H units. torch's own modules do the work, with their names of weights.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, real, word
from ranvier.spec.initializers import ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, Run
from ranvier.spec.layers.over_time import Names
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal


@dataclass(frozen=True, repr=False)
class Cell:
    """The fields and shapes of a cell.

    `initial`: names of the signals that are its state; without it, they come after the features.
    """

    units: Count
    _: KW_ONLY
    bias: Flag = True
    initial: Names = ()
    initializer: InitializerField = None
    recurrent_initializer: InitializerField = None

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = None
    gates: ClassVar[int] = 1
    pointwise: ClassVar[int] = 2
    """Operations per unit beside the products with W and U."""

    def takes(self) -> tuple[str, ...]:
        return self.initial

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        """The shape of each part of the state, the output first."""
        return ((self.units,),)

    def infer(self, *inputs: Shape) -> Shape:
        shape, *further = inputs
        states = self.state_shapes(shape)
        if len(shape) != 1 or tuple(further) != states:
            words = " and ".join(f"a state {each}" for each in states)
            raise Misfit(
                f"(features) and {words}",
                "Give it one place of a sequence, then its state, as Take does or `initial` names "
                "it; to read a whole sequence put it into Recurrent.",
                output=(self.units,),
            )
        return (self.units,)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        shapes = [signal.shape for signal in signals]
        output = self.infer(*shapes)
        return Joined(output, signals, more=self.state_shapes(shapes[0])[1:])

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features, rows, units = inputs[0][-1], self.gates * self.units, self.units
        reads = initializer(self.initializer or "glorot_uniform")
        keeps = initializer(self.recurrent_initializer or "orthogonal")
        found = {
            "weight_ih": Parameter((rows, features), reads, features, units),
            "weight_hh": Parameter((rows, units), keeps, units, units),
        }
        if self.bias:
            found["bias_ih"] = Parameter((rows,), self.bias_start)
            found["bias_hh"] = Parameter((rows,), ZEROS)
        return found

    @property
    def bias_start(self) -> Initializer:
        """How the bias beside W starts."""
        return ZEROS

    def flops(self, *inputs: Shape) -> int:
        read = 2 * inputs[0][-1] + 2 * self.units + 2 * self.bias
        return self.gates * self.units * read + self.pointwise * self.units


@dataclass(frozen=True)
class RNNCell(Cell, Layer, other_spellings=("simple_rnn_cell",)):
    """One step of a simple recurrent layer.

        h′ = f(W x + b + U h + b′),  f = tanh or relu

    >>> RNNCell(4).output_shapes([(3,), (4,)])
    ((4,),)

    Shapes: [C], [H] -> [H].
    """

    _: KW_ONLY
    activation: Annotated[Literal["tanh", "relu"], word("tanh", "relu")] = "tanh"

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, state, *_ = (*sources, "⁽ˡ⁻¹⁾", "⁽ʰ⁾")
        bias = " + b" if self.bias else ""
        return f"a{here} = {self.activation}(W a{source} + U a{state}{bias})"


@dataclass(frozen=True)
class LSTMCell(Cell, Layer):
    """One step of an LSTM; the output stands first, the memory second.

        [i; f; g; o] = W x + b + U h + b′
        c′ = σ(f) ⊙ c + σ(i) ⊙ tanh(g),  h′ = σ(o) ⊙ tanh(c′)

    >>> LSTMCell(4).output_shapes([(3,), (4,), (4,)])
    ((4,), (4,))

    Shapes: [C], [H], [H] -> [H], [H].
    """

    _: KW_ONLY
    forget_bias: Annotated[float, real("a number")] = 1.0

    gates: ClassVar[int] = 4
    pointwise: ClassVar[int] = 13

    def state_shapes(self, shape: Shape) -> tuple[Shape, ...]:
        return (self.units,), (self.units,)

    @property
    def bias_start(self) -> Initializer:
        return Initializer("forget_gate", value=self.forget_bias)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, state, memory, *_ = (*sources, "⁽ˡ⁻¹⁾", "⁽ʰ⁾", "⁽ᶜ⁾")
        bias = " + b" if self.bias else ""
        return (
            f"a{here} = σ(o) ⊙ tanh(c′), c′ = σ(f) ⊙ a{memory} + σ(i) ⊙ tanh(g), "
            f"[i; f; g; o] = W a{source} + U a{state}{bias}"
        )


@dataclass(frozen=True)
class GRUCell(Cell, Layer):
    """One step of a GRU.

        r = σ(W_r x + b_r + U_r h + b′_r),  z = σ(W_z x + b_z + U_z h + b′_z)
        n = tanh(W_n x + b_n + r ⊙ (U_n h + b′_n)),  h′ = (1 − z) ⊙ n + z ⊙ h

    >>> GRUCell(4).output_shapes([(3,), (4,)])
    ((4,),)

    Shapes: [C], [H] -> [H].
    """

    gates: ClassVar[int] = 3
    pointwise: ClassVar[int] = 12

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source, state, *_ = (*sources, "⁽ˡ⁻¹⁾", "⁽ʰ⁾")
        gates = " + b" if self.bias else ""
        inner, outer = (" + b′ₙ", " + bₙ") if self.bias else ("", "")
        return (
            f"a{here} = (1 − z) ⊙ n + z ⊙ a{state}, "
            f"n = tanh(Wₙ a{source}{outer} + r ⊙ (Uₙ a{state}{inner})), "
            f"[r; z] = σ(W a{source} + U a{state}{gates})"
        )
