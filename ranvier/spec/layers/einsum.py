"""Linear maps between any axes, written as sums over products of letters, and of two inputs."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, Rule, many, optional, whole
from ranvier.spec.initializers import ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, TorchModule
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.linear_map import LinearMap
from ranvier.spec.trace import Misfit

_FORM = re.compile(r"(\.\.\.)?([A-Za-z]+)(\.\.\.)?,([A-Za-z]+)->(\.\.\.)?([A-Za-z]+)(\.\.\.)?")


def _accept_subscripts(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    subscripts = value.replace(" ", "")
    Subscripts.of(subscripts)
    return subscripts


@dataclass(frozen=True)
class Subscripts:
    """Letters of the axes that come, of the weight's, and of those that go out.

    Without an ellipsis at the start, the first letter that comes and goes is the batch's axis.
    """

    source: str
    weight: str
    target: str
    _: KW_ONLY
    left: bool
    right: bool

    @classmethod
    def of(cls, text: str) -> Subscripts:
        """The letters of "btc,cd->btd", "...c,cd->...d" or "bc...,cd->bd..."."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise NetworkError("Write it as 'btc,cd->btd', '...c,cd->...d' or 'bc...,cd->bd...'.")
        left, source, right, weight, left_again, target, right_again = found.groups()
        if (left, right) != (left_again, right_again) or (left and right):
            raise NetworkError("Put one ellipsis at the same end before and after the arrow.")
        if not left and source[0] != target[0]:
            raise NetworkError("The first letter is the batch's: let it stand first on both sides.")
        if not left and source[0] in weight:
            raise NetworkError(f"The batch's letter {source[0]!r} cannot be one of the weight's.")
        for letters in (source, weight, target):
            if len(set(letters)) < len(letters):
                raise NetworkError(f"A letter stands twice in {letters!r}: name each axis once.")
        if unknown := set(target) - set(source) - set(weight):
            raise NetworkError(f"{min(unknown)!r} after the arrow stands nowhere before it.")
        if lonely := set(weight) - set(source) - set(target):
            raise NetworkError(f"{min(lonely)!r} is an axis of the weight alone: leave it out.")
        return cls(source, weight, target, left=bool(left), right=bool(right))

    def own(self, letters: str) -> str:
        """The letters without the batch's."""
        return letters if self.left else letters[1:]

    def rest(self, shape: Shape) -> Shape:
        """The sizes that the ellipsis stands for."""
        count = len(self.own(self.source))
        return shape[: len(shape) - count] if self.left else shape[count:]

    def sizes(self, shape: Shape) -> dict[str, int]:
        """The sizes of the letters that come."""
        letters = self.own(self.source)
        known = shape[len(shape) - len(letters) :] if self.left else shape[: len(letters)]
        return dict(zip(letters, known, strict=True))

    def fits(self, shape: Shape) -> bool:
        """Whether a sample of this shape has an axis for every letter and no other."""
        count = len(self.own(self.source))
        return len(shape) >= count if self.left or self.right else len(shape) == count


_Sizes = Annotated[
    int | tuple[int | None, ...],
    Rule(
        "the size of each axis that goes out, None where it is one that comes",
        lambda value: many(optional(whole(1)), "").accept(
            value if hasattr(value, "__iter__") else (value,)
        ),
    ),
]


@dataclass(frozen=True)
class EinsumDense(LinearMap, Layer):
    """Maps any axes of the input onto any others: a dense layer for tensors.

        z⁽ˡ⁾ = einsum(subscripts, a⁽ˡ⁻¹⁾, W⁽ˡ⁾) + b⁽ˡ⁾,  a⁽ˡ⁾ = f(z⁽ˡ⁾)

    `subscripts` names the axes: "btc,chd->bthd" takes the features c of every place t to h heads of
    d features. The first letter is the batch's, or an ellipsis stands for it and all further axes.
    `output` gives the sizes of the axes that go out, without the batch's, None for one that comes.
    `bias_axes` says along which of them the bias differs; without it there is none.

    >>> EinsumDense("btc,chd->bthd", (None, 4, 16), bias_axes="hd").output_shape((12, 64))
    (12, 4, 16)
    >>> EinsumDense("...c,cd->...d", 8).output_shape((5, 6, 3))
    (5, 6, 8)

    Shapes: the axes before the arrow -> those after it.
    """

    family: ClassVar[Family] = "map"

    subscripts: Annotated[str, Rule("subscripts as of einsum, 'input,weight->output'",
                                    _accept_subscripts)]  # fmt: skip
    output: _Sizes
    _: KW_ONLY
    bias_axes: Annotated[str | None, optional(Rule("letters of axes that go out", str))] = None
    activation: ActivationField = None
    initializer: InitializerField = None

    def __post_init__(self) -> None:
        super().__post_init__()
        where, letters = self.name or "EinsumDense", self.letters
        target = letters.own(letters.target)
        assert isinstance(self.output, tuple)
        if len(self.output) != len(target):
            raise NetworkError(
                f"{where}.output: got {self.output} for the axes {', '.join(target)}; expected one "
                "size for each, without the batch's."
            )
        for letter, count in zip(target, self.output, strict=True):
            if count is None and letter not in letters.source:
                raise NetworkError(
                    f"{where}.output: got None for {letter!r}, which does not come in; expected "
                    "its size."
                )
        if unknown := set(self.bias_axes or "") - set(target):
            raise NetworkError(
                f"{where}.bias_axes: got {self.bias_axes!r}; expected letters of {target!r}. "
                f"{min(unknown)!r} is none of them."
            )

    @property
    def letters(self) -> Subscripts:
        """The subscripts, taken apart."""
        return Subscripts.of(self.subscripts)

    def sizes(self, shape: Shape) -> dict[str, int]:
        """The size of every axis by its letter."""
        letters = self.letters
        assert isinstance(self.output, tuple)
        said = zip(letters.own(letters.target), self.output, strict=True)
        return letters.sizes(shape) | {letter: n for letter, n in said if n is not None}

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        letters = self.letters
        source = ", ".join(letters.own(letters.source))
        if not letters.fits(shape):
            raise Misfit(f"({source}), an axis for each letter", "Name the axes that come.")
        came, sizes = letters.sizes(shape), self.sizes(shape)
        target = tuple(sizes[letter] for letter in letters.own(letters.target))
        rest = letters.rest(shape)
        output = (*rest, *target) if letters.left else (*target, *rest)
        changed = [letter for letter, n in came.items() if sizes[letter] != n]
        if changed:
            wanted = ", ".join(f"{letter} = {sizes[letter]}" for letter in changed)
            raise Misfit(
                f"({source}) with {wanted}", "Write None for an axis that comes.", output=output
            )
        return output

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        letters, sizes = self.letters, self.sizes(inputs[0])
        shape = tuple(sizes[letter] for letter in letters.weight)
        summed = size(tuple(sizes[c] for c in letters.weight if c not in letters.target))
        made = size(tuple(sizes[c] for c in letters.weight if c not in letters.source))
        weight = Parameter(shape, self.start, fan_in=summed, fan_out=made)
        if not self.bias_axes:
            return {"weight": weight}
        target = letters.own(letters.target)
        from_first = target[min(map(target.index, self.bias_axes)) :]
        bias = tuple(sizes[c] if c in self.bias_axes else 1 for c in from_first)
        # Where an ellipsis stands at the end, the bias has its axes too.
        trailing = (1,) * len(letters.rest(inputs[0])) if letters.right else ()
        return {"weight": weight, "bias": Parameter((*bias, *trailing), ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        (shape,) = inputs
        output, function = self.infer(shape), activation(self.activation)
        products = size(tuple(self.sizes(shape).values())) * size(self.letters.rest(shape))
        bias = size(output) if self.bias_axes else 0
        return 2 * products + bias + (function.flops(output) if function else 0)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        bias = f" + b{here}" if self.bias_axes else ""
        return self.activated(here, f"einsum({self.subscripts}; a{source}, W{here}){bias}")

    def label(self) -> str:
        return self.titled(f"EinsumDense {self.subscripts}")


@dataclass(frozen=True)
class Bilinear(Layer):
    """Weighs every product of a number of one input and a number of another.

        a⁽ˡ⁾ₖ = a⁽ⁱ⁾ᵀ W⁽ˡ⁾ₖ a⁽ʲ⁾ + b⁽ˡ⁾ₖ

    >>> from ranvier.spec import Network, Take
    >>> network = Network(Take("user", "item"), Bilinear(5), inputs=("user", "item"))
    >>> network.output_shape([(8,), (6,)])
    (5,)

    Shapes: [..., left], [..., right] -> [..., units].

    Reference: Tenenbaum & Freeman 2000, Neural Computation 12.
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 2

    units: Count
    _: KW_ONLY
    bias: Flag = True
    initializer: InitializerField = None

    @property
    def start(self) -> Initializer:
        """How the weights start."""
        return initializer(self.initializer or "glorot_uniform")

    def infer(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2 or not inputs[0] or inputs[0][:-1] != inputs[1][:-1]:
            raise Misfit(
                "two inputs that differ in their features alone",
                "Take both by name before it, as Take('left', 'right').",
                output=(*inputs[0][:-1], self.units) if inputs else None,
            )
        return (*inputs[0][:-1], self.units)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        left, right = (shape[-1] for shape in inputs)
        shape = (self.units, left, right)
        weight = Parameter(shape, self.start, fan_in=left * right, fan_out=self.units)
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": Parameter((self.units,), ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        left, right = (shape[-1] for shape in inputs)
        return size(self.infer(*inputs)) * (2 * left * right + 2 * right + self.bias)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        left, right = sources if len(sources) == 2 else ("⁽ⁱ⁾", "⁽ʲ⁾")
        return f"a{here} = a{left}ᵀ W{here} a{right}" + (f" + b{here}" if self.bias else "")

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"

    def torch_module(self, *inputs: Shape) -> TorchModule:
        left, right = (shape[-1] for shape in inputs)
        return TorchModule(
            "Bilinear",
            {
                "in1_features": left,
                "in2_features": right,
                "out_features": self.units,
                "bias": self.bias,
            },
        )
