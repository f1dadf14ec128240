"""Rectifiers whose slope below zero is not given but learnt, or drawn at random."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Flag, real
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, TorchModule, elementwise
from ranvier.spec.trace import Misfit

_Slope = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]
_QUARTER = Initializer("constant", value=0.25)


@dataclass(frozen=True)
class PReLU(Layer, kind="prelu", other_spellings=("p_re_lu", "parametric_relu")):
    """Passes what is positive and learns, for each feature, how much to pass of what is negative.

        a⁽ˡ⁾ = max(0, a⁽ˡ⁻¹⁾) + w ⊙ min(0, a⁽ˡ⁻¹⁾)

    With `shared` one slope serves all features. Slopes want no weight decay, which would pull
    them towards plain relu.

    >>> PReLU().output_shape((28, 28, 16))
    (28, 28, 16)

    Shapes: [..., features] -> the same.

    Reference: He et al. 2015, arXiv:1502.01852.
    """

    family: ClassVar[Family] = "activation"

    _: KW_ONLY
    shared: Flag = False
    initializer: InitializerField = _QUARTER

    def infer(self, *inputs: Shape) -> Shape:
        if not inputs[0] and not self.shared:
            raise Misfit(
                "at least one axis, the features last",
                "Put it after a layer that gives features, or say shared=True.",
            )
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        slopes = 1 if self.shared else inputs[0][-1]
        return {"weight": Parameter((slopes,), initializer(self.initializer or _QUARTER))}

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        z = f"a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
        times = "·" if self.shared else "⊙"
        return f"a{here} = max(0, {z}) + w{here} {times} min(0, {z})"

    def applies(self) -> str:
        # To the layer before it, which starts as suits what comes next, it is a leaky relu.
        return "leaky_relu"

    def initialisation(self) -> str:
        start = initializer(self.initializer or _QUARTER)
        return f"{start.function}: {start.meaning}"


@dataclass(frozen=True)
class RReLU(Layer, kind="rrelu", other_spellings=("r_re_lu", "randomized_relu")):
    """Passes what is positive, and a random share of what is negative; the mean in evaluation.

        a⁽ˡ⁾ = max(0, a⁽ˡ⁻¹⁾) + s ⊙ min(0, a⁽ˡ⁻¹⁾),  s ~ U(lower, upper) for each number

    Shapes: any -> the same.

    Raises:
        NetworkError: for `lower` above `upper`.

    Reference: Xu et al. 2015, arXiv:1505.00853.
    """

    family: ClassVar[Family] = "activation"

    _: KW_ONLY
    lower: _Slope = 1 / 8
    upper: _Slope = 1 / 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lower > self.upper:
            raise NetworkError(
                f"{self.name or 'RReLU'}.lower: got {self.lower:g} with upper {self.upper:g}; "
                "expected lower not above upper."
            )

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        z = f"a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
        slopes = f"s{here} ~ U({self.lower:.4g}, {self.upper:.4g})"
        return f"a{here} = max(0, {z}) + s{here} ⊙ min(0, {z}), {slopes}"

    def applies(self) -> str:
        return "leaky_relu"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("RReLU", {"lower": self.lower, "upper": self.upper})
