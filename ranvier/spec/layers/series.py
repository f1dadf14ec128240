"""Layers for forecasts: a level that is taken away and given back, and what blocks leave over.

L places of the past, H of the future (the horizon), C series side by side.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, Name, Positive, whole, word
from ranvier.spec.initializers import ONES, ZEROS
from ranvier.spec.joining import Sequence, one_layer
from ranvier.spec.layer import Family, Form, Layer, Parameter, Run
from ranvier.spec.layers.dense import Dense
from ranvier.spec.trace import Flowed, Joined, Misfit, Signal

Basis = Literal["generic", "trend", "seasonality"]


@dataclass(frozen=True, init=False, repr=False)
class ReversibleNorm(Sequence, other_spellings=("revin", "reversible_instance_norm")):
    """Shows the layers inside a series of mean 0 and variance 1, and gives level and size back.

        x̂ = (x − μ) / σ,  a⁽ˡ⁾ = σ F(x̂) + μ,  μ, σ² = mean, var + ε over the places of x

    A level that drifts between training and use is not seen inside. Each series, a feature, has μ
    and σ of its own, from its own sample alone. With `affine`, x̂ ← γ x̂ + β and back, each learnt.

    >>> from ranvier.spec import Dense, Permute
    >>> ReversibleNorm(Permute((1, 0)), Dense(24), Permute((1, 0))).output_shape((96, 7))
    (24, 7)

    Shapes: [L, C] -> [H, C]; the layers inside keep the C series.

    Reference: Kim et al. 2022, Reversible instance normalization (ICLR).
    """

    form: ClassVar[Form] = "box"
    family: ClassVar[Family] = "normalisation"
    most_inputs: ClassVar[int | None] = 1

    affine: Flag
    epsilon: Positive

    def __init__(
        self, *layers: Layer, affine: bool = False, epsilon: float = 1e-5, name: Name = None
    ) -> None:
        inside = tuple(one_layer(layer) for layer in layers)
        self._set(layers=inside, affine=affine, epsilon=epsilon, name=name)

    def __repr__(self) -> str:
        affine = ", affine=True" if self.affine else ""
        epsilon = f", epsilon={self.epsilon!r}" if self.epsilon != 1e-5 else ""
        return f"{super().__repr__()[:-1]}{affine}{epsilon})"

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (series,) = signals
        if len(series.shape) != 2:
            raise Misfit("series [places, features]", "Give each series a feature of its own.")
        ends = super().flow(run, series)
        assert isinstance(ends, tuple)
        end = ends[0]
        if end.shape[-1:] != series.shape[-1:]:
            raise Misfit(
                f"{series.shape[-1]} features again, each of which gets its level back",
                "Put a Dense or a Permute inside, at the end, that gives one feature per series.",
                came=f"got {series.shape} and its layers made it {end.shape}",
                output=(*end.shape[:-1], series.shape[-1]),
            )
        return Joined(end.shape, (series, end))

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        each = inputs[0][-1:]
        learnt = {"weight": Parameter(each, ONES), "bias": Parameter(each, ZEROS)}
        return learnt if self.affine else {}

    def flops(self, *inputs: Shape) -> int:
        return 8 * size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        start, end = sources or ("⁽ᵏ⁾", "⁽ˡ⁻¹⁾")
        return f"a{here} = σ a{end} + μ, the layers inside get (a{start} − μ) / σ"

    def label(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class BasisExpansion(Layer):
    """Makes a stretch of past and one of future of the same few kinds of curves.

        b = Σᵢ θᵇᵢ vᵢ(t),  f = Σᵢ θᶠᵢ vᵢ(t)

        generic       v are the places themselves: θ is the curve, and learns any
        trend         vᵢ(t) = tⁱ, i = 0 … degree, t = 0 … 1
        seasonality   v₀ = 1, cos 2πkt, sin 2πkt, t in horizons, from the first place ahead on

    k runs from 1 to just below half the horizon, in steps of 1 / `harmonics`. The coefficients of
    the future stand first, but for "generic", where the past does, as in time.

    >>> BasisExpansion(36, 12, basis="trend").output_shapes((6,))
    ((36,), (12,))

    Shapes: [`coefficients`] -> [length], [horizon].

    Reference: Oreshkin et al. 2020, arXiv:1905.10437.
    """

    family: ClassVar[Family] = "map"

    length: Count
    horizon: Count
    _: KW_ONLY
    basis: Annotated[Basis, word("generic", "trend", "seasonality")] = "generic"
    degree: Annotated[int, whole(0, 20)] = 2
    harmonics: Annotated[int, whole(1, 100)] = 1

    @property
    def frequencies(self) -> int:
        """How many frequencies the seasonality is made of, the constant counted."""
        return max(1, math.ceil(self.harmonics / 2 * self.horizon) - (self.harmonics - 1))

    @property
    def coefficients(self) -> int:
        """How many numbers say the two curves."""
        if self.basis == "generic":
            return self.length + self.horizon
        return 2 * (self.degree + 1) if self.basis == "trend" else 4 * self.frequencies

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (theta,) = signals
        if theta.shape != (self.coefficients,):
            raise Misfit(
                f"({self.coefficients},), the coefficients of its curves",
                f"Put a Dense({self.coefficients}) before it.",
                came=f"got an input of shape {theta.shape}",
                output=(self.length,),
            )
        return Joined((self.length,), signals, more=((self.horizon,),))

    def flops(self, *inputs: Shape) -> int:
        if self.basis == "generic":
            return 0
        return self.coefficients * (self.length + self.horizon)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        if self.basis == "generic":
            return f"[a{here}; a{here}′] = a{source}"
        return f"a{here} = Vᵇ a{source}, a{here}′ = Vᶠ a{source}"

    def label(self) -> str:
        return f"BasisExpansion {self.basis} · {self.length} + {self.horizon}"


@dataclass(frozen=True)
class BasisBlock(Layer, other_spellings=("nbeats_block",)):
    """Reads a stretch of a series, and says what it makes of the past and of the future.

        θ = W (h_n ∘ … ∘ h₁)(x) + b,  (a⁽ˡ⁾, a⁽ˡ⁾′) = BasisExpansion(θ),  hᵢ = relu(Wᵢ x + bᵢ)

    The first output, as long as x, is what the block explains of x; the second is its forecast.
    `DoublyResidual` around it puts many of them in a row.

    >>> BasisBlock(12, hidden=64).output_shapes(36)
    ((36,), (12,))

    Shapes: [L] -> [L], [horizon].

    Reference: Oreshkin et al. 2020, arXiv:1905.10437.
    """

    family: ClassVar[Family] = "map"
    form: ClassVar[Form] = "chain"

    horizon: Count
    _: KW_ONLY
    hidden: Count = 512
    layers: Count = 4
    basis: Annotated[Basis, word("generic", "trend", "seasonality")] = "generic"
    degree: Annotated[int, whole(0, 20)] = 2
    harmonics: Annotated[int, whole(1, 100)] = 1

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (series,) = signals
        if len(series.shape) != 1:
            raise Misfit("one series (places,)", "Give it one series; a Flatten() drops its axes.")
        expansion = BasisExpansion(
            series.shape[0],
            self.horizon,
            basis=self.basis,
            degree=self.degree,
            harmonics=self.harmonics,
        )
        for number in range(self.layers):
            signals = run(f"hidden_{number}", Dense(self.hidden, activation="relu"), *signals)
        signals = run("coefficients", Dense(expansion.coefficients), *signals)
        return run("expansion", expansion, *signals)

    def label(self) -> str:
        return f"BasisBlock {self.basis}"


class DoublyResidual(Sequence):
    """Takes what a block explains away from the series, and adds its forecast to those before.

        (b, f) = F(x),  a⁽ˡ⁾ = x − b,  a⁽ˡ⁾′ = y + f

    What comes are the series x, as far as it is not explained yet, and the forecast y so far; both
    go on, so that `Repeat` or a row of them makes a stack.

    >>> DoublyResidual(BasisBlock(12, hidden=64)).output_shapes([(36,), (12,)])
    ((36,), (12,))

    Shapes: [L], [H] -> [L], [H]; the layers inside: [L] -> [L], [H].

    Reference: Oreshkin et al. 2020, arXiv:1905.10437.
    """

    form: ClassVar[Form] = "box"
    family: ClassVar[Family] = "join"

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        if len(signals) != 2:
            raise Misfit(
                "two inputs: the series and the forecast so far",
                'Begin with a forecast of its own, such as the last value, and Take("input", …).',
            )
        ends = super().flow(run, signals[0])
        assert isinstance(ends, tuple)
        shapes = [signal.shape for signal in signals]
        if [end.shape for end in ends] != shapes:
            raise Misfit(
                f"a series {shapes[0]} and a forecast {shapes[1]} from the layers inside",
                f"Put a BasisBlock({shapes[1][0] if shapes[1] else 1}) inside, at the end.",
                came=f"has layers that give {' and '.join(str(end.shape) for end in ends)}",
            )
        return Joined(shapes[0], (*signals, *ends), more=(shapes[1],))

    def flops(self, *inputs: Shape) -> int:
        return sum(map(size, inputs))

    def label(self) -> str:
        return type(self).__name__

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        series, forecast, explained, ahead = sources or ("⁽ⁱ⁾", "⁽ʲ⁾", "⁽ᵏ⁾", "⁽ᵏ⁾′")
        return f"a{here} = a{series} − a{explained}, a{here}′ = a{forecast} + a{ahead}"
