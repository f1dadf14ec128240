"""State-space layers: linear recurrences that are read in parallel, with gates for what to keep.

T places, C features, D inner width, N numbers of state per inner feature, R rank of the step.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Name, optional, whole
from ranvier.spec.initializers import INITIALIZERS, ONES, ZEROS, Distribution, Initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.parameters import positive
from ranvier.spec.trace import Misfit

INITIALIZERS.add("state_decay", Distribution("w = ln 1, ln 2, …, ln n along the last axis"))
INITIALIZERS.add(
    "step_size",
    Distribution(
        "softplus(w) log-uniform between {low:g} and {high:g}",
        {"low": positive(0.001), "high": positive(0.1)},
    ),
)


@dataclass(frozen=True, repr=False)
class Scanned:
    """The fields and shapes of a layer that scans a sequence with linear recurrences.

    `mask`: the name of a signal [T] that is not zero where a place is real; the others are read as
    if they were not there, and give zeros.
    """

    units: Count
    _: KW_ONLY
    mask: Name = None
    family: ClassVar[Family] = "map"

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def infer(self, *inputs: Shape) -> Shape:
        shape, *further = inputs
        if len(shape) != 2:
            raise Misfit(
                "(places, features)",
                "Give it a sequence: a place per row, its features last.",
                came=f"got an input of shape {shape}",
            )
        if self.mask and further != [shape[:1]]:
            raise Misfit(
                f"an input {shape} and a mask {shape[:1]}",
                "Let the mask have a number per place.",
                output=(shape[0], self.units),
            )
        return (shape[0], self.units)


@dataclass(frozen=True)
class SelectiveStateSpace(Scanned, Layer, other_spellings=("mamba", "s6", "ssm")):
    """Keeps a state per feature and chooses by what it reads how fast to write and to forget.

        [x; z] = W_in a⁽ˡ⁻¹⁾,  x_t ← silu(Σ_j w_j ⊙ x_{t−K+1+j} + b)   (causal, each feature alone)
        [δ_t; B_t; C_t] = W_x x_t,  Δ_t = softplus(W_Δ δ_t + b_Δ),  A = −exp(A_log)
        h_t = exp(Δ_t A) ⊙ h_{t−1} + (Δ_t x_t) B_tᵀ          (h: [D, N])
        y_t = h_t C_t + D ⊙ x_t,  a⁽ˡ⁾_t = W_out (y_t ⊙ silu(z_t))

    exp(Δ A) is the zero-order hold of the continuous h′ = A h + B x over a step Δ; Δ B x is Euler's
    for its input, as in the reference implementation. The inner width D is expand · units, `rank`
    ⌈units / 16⌉ unless told. Weights have the reference's names and layout (in_proj, conv1d,
    x_proj, dt_proj, A_log, D, out_proj), and start as there, but for Glorot's start of the maps.

    The recurrence runs as a scan over chunks, exact but for rounding. In training two tensors of
    [T, D, N] numbers per sample are kept for the way back.

    >>> SelectiveStateSpace(64).output_shape((20, 8))
    (20, 64)

    Shapes: [T, C] -> [T, units].

    Reference: Gu & Dao 2023, arXiv:2312.00752.
    """

    _: KW_ONLY
    state: Annotated[int, whole(1)] = 16
    expand: Annotated[int, whole(1)] = 2
    kernel: Annotated[int, whole(1)] = 4
    rank: Annotated[int | None, optional(whole(1))] = None
    bias: Flag = False
    convolution_bias: Flag = True

    @property
    def inner(self) -> int:
        """The inner width."""
        return self.expand * self.units

    @property
    def step_rank(self) -> int:
        """How many numbers the step size is made of, before it is one per inner feature."""
        return self.rank or math.ceil(self.units / 16)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features, inner, units = inputs[0][-1], self.inner, self.units
        rank, state = self.step_rank, self.state
        reach = rank**-0.5
        found = {
            "A_log": Parameter((inner, state), Initializer("state_decay")),
            "D": Parameter((inner,), ONES),
            **self._map("in_proj", features, 2 * inner, bias=self.bias),
            "conv1d.weight": Parameter(
                (inner, 1, self.kernel), Initializer("lecun_uniform"), self.kernel, self.kernel
            ),
            **self._map("x_proj", inner, rank + 2 * state, bias=False),
            "dt_proj.weight": Parameter(
                (inner, rank), Initializer("uniform", low=-reach, high=reach), rank, inner
            ),
            "dt_proj.bias": Parameter((inner,), Initializer("step_size")),
            **self._map("out_proj", inner, units, bias=self.bias),
        }
        if self.convolution_bias:
            found["conv1d.bias"] = Parameter((inner,), ZEROS)
        return found

    def _map(self, name: str, wide: int, given: int, *, bias: bool) -> dict[str, Parameter]:
        weight = Parameter((given, wide), Initializer("glorot_uniform"), wide, given)
        own = {f"{name}.weight": weight}
        return own | ({f"{name}.bias": Parameter((given,), ZEROS)} if bias else {})

    def flops(self, *inputs: Shape) -> int:
        places, features = inputs[0]
        inner, state, rank = self.inner, self.state, self.step_rank
        maps = 2 * (2 * features * inner + inner * (rank + 2 * state) + rank * inner)
        maps += 2 * inner * self.units + self.bias * (2 * inner + self.units)
        # Decay (product, exp), write (two products), scan and read (a multiply–add each).
        return places * (maps + inner * (2 * self.kernel + 8 * state + 8))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return (
            f"a{here}ₜ = W (yₜ ⊙ silu(zₜ)), yₜ = hₜ Cₜ + D ⊙ xₜ, "
            f"hₜ = exp(Δₜ A) ⊙ hₜ₋₁ + Δₜ xₜ Bₜᵀ, [x; z] = Wᵢₙ a{source}"
        )

    def label(self) -> str:
        return f"SelectiveStateSpace {self.units}"

    def initialisation(self) -> str:
        return f"A = −1 … −{self.state}; Δ log-uniform from 0.001 to 0.1"


@dataclass(frozen=True)
class MinGRU(Scanned, Layer):
    """A GRU whose gate and new output do not look at the old one, so that it is read in parallel.

        z_t = σ(W_z x_t + b_z),  n_t = W_n x_t + b_n
        h_t = (1 − z_t) ⊙ h_{t−1} + z_t ⊙ n_t

    The gate's rows stand first in the weight.

    >>> MinGRU(64).output_shape((20, 8))
    (20, 64)

    Shapes: [T, C] -> [T, units].

    Reference: Feng et al. 2024, arXiv:2410.01201.
    """

    _: KW_ONLY
    bias: Flag = True

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features, units = inputs[0][-1], self.units
        start = Initializer("glorot_uniform")
        found = {"weight": Parameter((2 * units, features), start, features, units)}
        return found | ({"bias": Parameter((2 * units,), ZEROS)} if self.bias else {})

    def flops(self, *inputs: Shape) -> int:
        places, features = inputs[0]
        return places * self.units * (2 * (2 * features + self.bias) + 5)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        bias = " + b" if self.bias else ""
        return f"a{here}ₜ = (1 − σ(zₜ)) ⊙ a{here}ₜ₋₁ + σ(zₜ) ⊙ nₜ, [z; n] = W a{source}{bias}"

    def label(self) -> str:
        return f"MinGRU {self.units}"
