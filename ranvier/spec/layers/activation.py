"""Activations: what makes a network more than one linear map.

Each function is a record: its equation, the range it is bounded to (which is where it saturates),
its parameters, the initialiser that suits the layer before it, and torch's own function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Name, Rule
from ranvier.spec.layer import Family, Layer, elementwise
from ranvier.spec.parameters import Parameters, checked, to_document


@dataclass(frozen=True)
class ActivationFunction:
    """One function f(z); `equation` says it in z, and `bounds` the range that it never leaves.

    `torch` is the function of torch that computes it, empty where ours does; `arguments` are its
    names for our parameters, and `fixed` what it is always given.
    """

    equation: str
    bounds: tuple[float, float] = (-math.inf, math.inf)
    initializer: str = "glorot_uniform"
    torch: str = ""
    defaults: Mapping[str, float] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""


ACTIVATIONS: Registry[ActivationFunction] = Registry("activation")

_F = "torch.nn.functional."
_INF = math.inf

ACTIVATIONS.add(
    "linear",
    ActivationFunction("z"),
    other_spellings=("identity", "none"),
)
ACTIVATIONS.add(
    "relu",
    ActivationFunction("max(0, z)", (0, _INF), "he_uniform", "torch.relu"),
)
ACTIVATIONS.add(
    "leaky_relu",
    ActivationFunction(
        "max(0, z) + slope · min(0, z)",
        initializer="he_uniform",
        torch=_F + "leaky_relu",
        defaults={"slope": 0.01},
        arguments={"slope": "negative_slope"},
        reference="Maas et al. 2013",
    ),
    other_spellings=("lrelu", "leakyrelu"),
)
ACTIVATIONS.add(
    "elu",
    ActivationFunction(
        "z if z > 0, else alpha · (eᶻ − 1)",
        initializer="he_uniform",
        torch=_F + "elu",
        defaults={"alpha": 1.0},
        arguments={"alpha": "alpha"},
        reference="Clevert et al. 2016, arXiv:1511.07289",
    ),
)
ACTIVATIONS.add(
    "selu",
    ActivationFunction(
        "1.0507 z if z > 0, else 1.7581 · (eᶻ − 1)",
        (-1.0507009873554805 * 1.6732632423543772, _INF),
        "lecun_normal",
        _F + "selu",
        reference="Klambauer et al. 2017, arXiv:1706.02515",
    ),
)
ACTIVATIONS.add(
    "gelu",
    ActivationFunction(
        "z · Φ(z), Φ the normal distribution function",
        initializer="he_uniform",
        torch=_F + "gelu",
        reference="Hendrycks & Gimpel 2016, arXiv:1606.08415",
    ),
)
ACTIVATIONS.add(
    "silu",
    ActivationFunction(
        "z / (1 + e⁻ᶻ)",
        initializer="he_uniform",
        torch=_F + "silu",
        reference="Elfwing et al. 2018, arXiv:1702.03118",
    ),
    other_spellings=("swish",),
)
ACTIVATIONS.add(
    "mish",
    ActivationFunction(
        "z · tanh(ln(1 + eᶻ))",
        initializer="he_uniform",
        torch=_F + "mish",
        reference="Misra 2020, arXiv:1908.08681",
    ),
)
ACTIVATIONS.add(
    "sigmoid",
    ActivationFunction("1 / (1 + e⁻ᶻ)", (0, 1), torch="torch.sigmoid"),
    other_spellings=("logistic", "expit"),
)
ACTIVATIONS.add("tanh", ActivationFunction("tanh(z)", (-1, 1), torch="torch.tanh"))
ACTIVATIONS.add(
    "softplus",
    ActivationFunction("ln(1 + eᶻ)", (0, _INF), "he_uniform", _F + "softplus"),
)
ACTIVATIONS.add(
    "softmax",
    ActivationFunction("eᶻⁱ / Σⱼ eᶻʲ", (0, 1), torch=_F + "softmax", fixed={"dim": -1}),
)
ACTIVATIONS.add(
    "log_softmax",
    ActivationFunction("zᵢ − ln Σⱼ eᶻʲ", (-_INF, 0), torch=_F + "log_softmax", fixed={"dim": -1}),
)
ACTIVATIONS.add(
    "hard_sigmoid",
    ActivationFunction("min(1, max(0, z/6 + 1/2))", (0, 1)),
    other_spellings=("hardsigmoid",),
)
ACTIVATIONS.add(
    "hard_tanh",
    ActivationFunction("min(1, max(−1, z))", (-1, 1), torch=_F + "hardtanh"),
    other_spellings=("hardtanh",),
)
ACTIVATIONS.add(
    "softsign",
    ActivationFunction("z / (1 + |z|)", (-1, 1), torch=_F + "softsign"),
    other_spellings=("soft_sign",),
)


@dataclass(frozen=True, init=False, repr=False)
class Activation(Layer):
    """Applies one function to every number that comes: a = f(z).

    >>> Activation("leaky_relu", slope=0.1)
    Activation('leaky_relu', slope=0.1)
    >>> Activation("leaky_relu").equation()
    'a⁽ˡ⁾ = max(0, z) + slope · min(0, z), z = a⁽ˡ⁻¹⁾, slope = 0.01'

    Shapes: any -> the same. softmax and log_softmax normalise over the last axis.

    Raises:
        UnknownNameError: for a function that is not known here, with the nearest that is.
        NetworkError: for a parameter that the function does not take.
    """

    family: ClassVar[Family] = "activation"

    function: Annotated[str, Rule("the name of an activation", lambda value: value)]
    values: Annotated[Parameters, Rule("numbers", lambda value: value)]

    def __init__(self, function: str, *, name: Name = None, **parameters: float) -> None:
        if not isinstance(function, str):
            raise NetworkError(
                f"activation: got {function!r}; expected the name of one, such as 'relu'."
            )
        record = ACTIVATIONS[function]
        values = checked(f"activation {function}", record.defaults, parameters)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "name", name)
        self.__post_init__()

    def __repr__(self) -> str:
        listed = "".join(f", {name}={value!r}" for name, value in self.values)
        named = f", name={self.name!r}" if self.name else ""
        return f"Activation({self.function!r}{listed}{named})"

    @property
    def record(self) -> ActivationFunction:
        """What is known of the function."""
        return ACTIVATIONS[self.function]

    @property
    def bounds(self) -> tuple[float, float]:
        """The range that outputs never leave; infinite where there is no end."""
        return self.record.bounds

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return 0 if self.function == "linear" else elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = f"a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
        if self.function == "linear":
            return f"a{here} = {source}"
        listed = "".join(f", {name} = {value:g}" for name, value in self.values)
        return f"a{here} = {self.record.equation}, z = {source}{listed}"

    def label(self) -> str:
        return self.function

    def applies(self) -> str:
        return self.function

    def document(self) -> dict[str, Any]:
        named = {"name": self.name} if self.name else {}
        return {"function": self.function, **dict(self.values), **named}

    @classmethod
    def known_fields(cls, given: Mapping[str, Any]) -> list[str]:
        function = str(given.get("function"))
        known = ACTIVATIONS[function].defaults if function in ACTIVATIONS else ()
        return ["function", "name", *known]

    @classmethod
    def required_fields(cls) -> list[str]:
        return ["function"]

    def to_document(self) -> str | dict[str, Any]:
        """The name alone where nothing differs from the defaults, else name and parameters."""
        return to_document(self.function, self.record.defaults, self.values)


def activation(value: Any) -> Activation | None:
    """An activation from what people write: itself, its name, a mapping, or None."""
    if isinstance(value, Activation) and value.name:
        # Inside another layer it has no path of its own that a name could be for.
        given: dict[str, Any] = dict(value.values)
        return Activation(value.function, **given)
    if value is None or isinstance(value, Activation):
        return value
    if isinstance(value, str):
        return Activation(value)
    if isinstance(value, Mapping) and isinstance(value.get("function"), str):
        return Activation(**{key: item for key, item in value.items() if key != "kind"})
    raise TypeError


ActivationField = Annotated[
    Activation | str | None,
    Rule(
        "an activation or its name, such as 'relu', or None",
        activation,
        write=lambda value: None if value is None else value.to_document(),
    ),
]
