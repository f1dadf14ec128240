"""Where each place of a sequence stands: added to its features, fixed or learnt; a class token."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Positive
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, elementwise
from ranvier.spec.trace import Misfit

_SMALL = Initializer("normal", std=0.02)


def _sequence_needed(shape: Shape) -> None:
    if len(shape) != 2:
        raise Misfit(
            "a sequence [places, features]", "Put an Embedding or a Dense layer before it."
        )


@dataclass(frozen=True)
class SinusoidalPositions(Layer, other_spellings=("sine_position_encoding",)):
    """Adds waves of the place, from fast to slow, so that features tell where they stand.

        a⁽ˡ⁾[t, 2i] = a⁽ˡ⁻¹⁾[t, 2i] + sin(t · base^(−2i/C)),  a⁽ˡ⁾[t, 2i+1] = … + cos(same)

    Nothing is learnt, and no length is too long. In `streaming` the places count on.

    Shapes: [T, C] -> the same; C is even.

    Reference: Vaswani et al. 2017, arXiv:1706.03762.
    """

    family: ClassVar[Family] = "embedding"

    _: KW_ONLY
    base: Positive = 10_000.0

    def infer(self, *inputs: Shape) -> Shape:
        _sequence_needed(inputs[0])
        if inputs[0][1] % 2:
            raise Misfit(
                "an even number of features, for waves come in pairs",
                f"Give the layer before it {inputs[0][1] + 1} features.",
            )
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 3)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = a{(sources or ('⁽ˡ⁻¹⁾',))[0]} + [sin tθ; cos tθ]"


@dataclass(frozen=True)
class PositionEmbedding(Layer, other_spellings=("learned_positions", "learnt_positions")):
    """Adds a vector that is learnt for each place, up to `max_length` places.

        a⁽ˡ⁾[t] = a⁽ˡ⁻¹⁾[t] + P[t]

    In `streaming` the places count on.

    Shapes: [T, C] -> the same; T is at most `max_length`.

    Raises:
        ShapeError: for a longer sequence, when the network is laid out or run.

    Reference: Gehring et al. 2017, arXiv:1705.03122.
    """

    family: ClassVar[Family] = "embedding"

    max_length: Count
    _: KW_ONLY
    initializer: InitializerField = _SMALL

    def infer(self, *inputs: Shape) -> Shape:
        _sequence_needed(inputs[0])
        if inputs[0][0] > self.max_length:
            raise Misfit(
                f"at most {self.max_length} places",
                f"Give max_length={inputs[0][0]}, or shorter sequences.",
            )
        return inputs[0]

    @property
    def start(self) -> Initializer:
        """How the vectors start."""
        return initializer(self.initializer or _SMALL)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        shape = (self.max_length, inputs[0][1])
        return {"weight": Parameter(shape, self.start, fan_in=1, fan_out=shape[1])}

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = a{(sources or ('⁽ˡ⁻¹⁾',))[0]} + P{here}"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"


@dataclass(frozen=True)
class ClassToken(Layer, other_spellings=("cls_token", "prepend_token")):
    """Puts a place before the first whose features are learnt, to gather what the others know.

        a⁽ˡ⁾ = [c; a⁽ˡ⁻¹⁾]

    In `streaming` it comes before the first piece only.

    >>> ClassToken().output_shape((196, 64))
    (197, 64)

    Shapes: [T, C] -> [T + 1, C].

    Reference: Devlin et al. 2019, arXiv:1810.04805; Dosovitskiy et al. 2021, arXiv:2010.11929.
    """

    family: ClassVar[Family] = "embedding"

    _: KW_ONLY
    initializer: InitializerField = _SMALL

    def infer(self, *inputs: Shape) -> Shape:
        _sequence_needed(inputs[0])
        return (inputs[0][0] + 1, inputs[0][1])

    @property
    def start(self) -> Initializer:
        """How the token starts."""
        return initializer(self.initializer or _SMALL)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features = inputs[0][1]
        return {"weight": Parameter((features,), self.start, fan_in=1, fan_out=features)}

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = [c{here}; a{(sources or ('⁽ˡ⁻¹⁾',))[0]}]"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"
