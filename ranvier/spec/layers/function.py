"""Functions without weights, by name: a word in a file can call these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Name, Rule, whole
from ranvier.spec.layer import Family, Layer
from ranvier.spec.layers.named_function import NamedFunction
from ranvier.spec.parameters import (
    Option,
    Options,
    Parameters,
    Value,
    at_least_zero,
    checked,
    number,
)
from ranvier.spec.trace import Misfit

Values = Mapping[str, Value]


@dataclass(frozen=True)
class PureFunction:
    """A function of one tensor z; `equation` says it in z.

    `call` is the name of a function of torch, or a function of Python's that takes the tensor and
    the parameters, which are its `options`. `arguments` are its names for them, and `fixed` is what
    it is always given. `shape` gives the shape of a sample that comes out; without it, that which
    came. A parameter called `axis` is one of a sample: `call` gets it with the batch's counted.
    """

    equation: str
    call: str | Callable[..., Any]
    options: Options = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shape: Callable[[Shape, Values], Shape] | None = None


def an_axis(default: int) -> Option:
    """An axis of a sample, from 0, or from −1 at the end."""
    return Option(default, whole(-64, 64))


def _without_axis(shape: Shape, values: Values) -> Shape:
    axis = int(values["axis"]) % len(shape)
    return (*shape[:axis], *shape[axis + 1 :])


FUNCTIONS: Registry[PureFunction] = Registry("function")
"""The functions that `Lambda` knows; `FUNCTIONS.add(name, PureFunction(…))` enters another.

A file with a function of one's own is read only where the function was entered before.
"""

for _name, _equation, _torch in (
    ("abs", "|z|", "abs"),
    ("square", "z²", "square"),
    ("sqrt", "√z", "sqrt"),
    ("exp", "eᶻ", "exp"),
    ("expm1", "eᶻ − 1", "expm1"),
    ("log", "ln z", "log"),
    ("log1p", "ln(1 + z)", "log1p"),
    ("sin", "sin z", "sin"),
    ("cos", "cos z", "cos"),
    ("negative", "−z", "neg"),
    ("reciprocal", "1 / z", "reciprocal"),
    ("sign", "sign z", "sign"),
    ("round", "round z", "round"),
    ("floor", "⌊z⌋", "floor"),
    ("ceil", "⌈z⌉", "ceil"),
):
    FUNCTIONS.add(_name, PureFunction(_equation, f"torch.{_torch}"))

for _name, _equation, _torch, _options, _arguments in (
    ("scale", "factor · z", "mul", {"factor": number(1.0)}, {"factor": "other"}),
    ("shift", "z + by", "add", {"by": number(0.0)}, {"by": "other"}),
    ("power", "z^exponent", "pow", {"exponent": number(2.0)}, {"exponent": "exponent"}),
    ("clip", "min(high, max(low, z))", "clamp", {"low": number(0.0), "high": number(1.0)},
     {"low": "min", "high": "max"}),
):  # fmt: skip
    FUNCTIONS.add(_name, PureFunction(_equation, f"torch.{_torch}", _options, _arguments))

for _name, _equation, _torch in (
    ("mean", "mean of z along axis", "mean"),
    ("sum", "Σ z along axis", "sum"),
    ("max", "max z along axis", "amax"),
    ("min", "min z along axis", "amin"),
    ("product", "Π z along axis", "prod"),
    ("log_sum_exp", "ln Σ eᶻ along axis", "logsumexp"),
    ("norm", "√Σ z² along axis", "linalg.vector_norm"),
):
    FUNCTIONS.add(
        _name,
        PureFunction(
            _equation,
            f"torch.{_torch}",
            {"axis": an_axis(-1)},
            {"axis": "dim"},
            shape=_without_axis,
        ),
    )

FUNCTIONS.add(
    "normalise",
    PureFunction(
        "z / max(√Σ z² along axis, epsilon)",
        "torch.nn.functional.normalize",
        {"axis": an_axis(-1), "epsilon": at_least_zero(1e-12)},
        {"axis": "dim", "epsilon": "eps"},
    ),
    other_spellings=("normalize", "l2_normalize", "unit_normalization"),
)
FUNCTIONS.add(
    "cumulative_sum",
    PureFunction(
        "Σ z up to here along axis", "torch.cumsum", {"axis": an_axis(0)}, {"axis": "dim"}
    ),
    other_spellings=("cumsum",),
)
FUNCTIONS.add(
    "variance",
    PureFunction(
        "mean (z − mean z)² along axis",
        "torch.var",
        {"axis": an_axis(-1)},
        {"axis": "dim"},
        {"correction": 0},
        _without_axis,
    ),
)


@dataclass(frozen=True, init=False, repr=False)
class Lambda(NamedFunction, Layer):
    """Applies a function without weights, known by its name: a⁽ˡ⁾ = f(a⁽ˡ⁻¹⁾).

    A description holds no code, so that a file from an unknown hand runs nothing; the names are
    those of `FUNCTIONS`, to which a program may add its own. Axes are those of a sample, from 0, or
    from −1 at the end.

    >>> Lambda("mean", axis=0).output_shape((12, 64))
    (64,)
    >>> Lambda("scale", factor=0.5)
    Lambda('scale', factor=0.5)

    Shapes: any -> the same; where an axis is summed up, without it.

    Raises:
        UnknownNameError: for a function that is not known here, with the nearest that is.
        NetworkError: for a parameter that the function does not take.
    """

    family: ClassVar[Family] = "activation"
    table: ClassVar = FUNCTIONS

    function: Annotated[str, Rule("the name of a function", lambda value: value)]
    values: Annotated[Parameters, Rule("numbers", lambda value: value)]

    def __init__(self, function: str, *, name: Name = None, **parameters: float) -> None:
        if not isinstance(function, str):
            raise NetworkError(
                f"Lambda: got {function!r}; expected the name of a function, such as 'abs'. Enter "
                "your own in FUNCTIONS and give its name."
            )
        values = checked(f"function {function}", FUNCTIONS[function].options, parameters)
        self._keep(function, values, name)
        self.__post_init__()

    @property
    def record(self) -> PureFunction:
        """What is known of the function."""
        return FUNCTIONS[self.function]

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        values = dict(self.values)
        axis = values.get("axis")
        if isinstance(axis, int) and not -len(shape) <= axis < len(shape):
            raise Misfit(f"an axis {axis}", f"Name one of the {len(shape)} axes, from 0.")
        made = self.record.shape
        return made(shape, values) if made else shape

    def flops(self, *inputs: Shape) -> int:
        return size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = {self.record.equation}, z = a{source}{self.told()}"

    def label(self) -> str:
        return f"Lambda {self.function}"
