"""How weights start: each initialiser by name with its parameters and the distribution it draws.

    fan_in, fan_out: how many numbers go into and come out of one unit's weights
    He       Var[w] = 2 / fan_in                 keeps the variance through relu
    Glorot   Var[w] = 2 / (fan_in + fan_out)     keeps it through tanh, forward and backward
    LeCun    Var[w] = 1 / fan_in                 keeps it through linear and selu

Reference: He et al. 2015, arXiv:1502.01852; Glorot & Bengio 2010; LeCun et al. 1998 (Efficient
BackProp); Saxe et al. 2014, arXiv:1312.6120 (orthogonal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.spec.fields import Rule
from ranvier.spec.parameters import Parameters, checked, to_document


@dataclass(frozen=True)
class Distribution:
    """What an initialiser draws: words for people, and the parameters it takes with defaults."""

    meaning: str
    defaults: Mapping[str, float] = field(default_factory=dict)


INITIALIZERS: Registry[Distribution] = Registry("initializer")

for _name, _meaning, _defaults in (
    ("he_normal", "w ~ N(0, 2 / fan_in)", {}),
    ("he_uniform", "w ~ U(−r, r), r = √(6 / fan_in)", {}),
    ("glorot_normal", "w ~ N(0, 2 / (fan_in + fan_out))", {}),
    ("glorot_uniform", "w ~ U(−r, r), r = √(6 / (fan_in + fan_out))", {}),
    ("lecun_normal", "w ~ N(0, 1 / fan_in)", {}),
    ("lecun_uniform", "w ~ U(−r, r), r = √(3 / fan_in)", {}),
    ("normal", "w ~ N({mean:g}, {std:g}²)", {"mean": 0.0, "std": 0.05}),
    ("uniform", "w ~ U({low:g}, {high:g})", {"low": -0.05, "high": 0.05}),
    (
        "truncated_normal",
        "w ~ N({mean:g}, {std:g}²) cut at ±2 std",
        {"mean": 0.0, "std": 0.05},
    ),
    ("zeros", "w = 0", {}),
    ("ones", "w = 1", {}),
    ("constant", "w = {value:g}", {"value": 0.0}),
    ("orthogonal", "WᵀW = {gain:g}² I", {"gain": 1.0}),
):
    _elsewhere = _name.replace("he_", "kaiming_").replace("glorot_", "xavier_")
    INITIALIZERS.add(
        _name,
        Distribution(_meaning, _defaults),
        other_spellings=(_elsewhere,) if _elsewhere != _name else (),
    )


@dataclass(frozen=True, init=False, repr=False)
class Initializer:
    """How a weight starts, by name, with the parameters of its distribution.

    >>> Initializer("normal", std=0.02)
    Initializer('normal', mean=0.0, std=0.02)
    >>> Initializer("he_normal").meaning
    'w ~ N(0, 2 / fan_in)'

    Raises:
        UnknownNameError: for a name that is not known here, with the nearest that is.
        NetworkError: for a parameter that the distribution does not take.
    """

    function: str
    parameters: Parameters

    def __init__(self, function: str, **parameters: float) -> None:
        defaults = INITIALIZERS[function].defaults
        parameters_kept = checked(f"initializer {function}", defaults, parameters)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "parameters", parameters_kept)
        values = dict(self.parameters)
        if values.get("std", 0.0) < 0 or values.get("low", 0.0) > values.get("high", 1.0):
            raise NetworkError(
                f"initializer {function}: got {dict(self.parameters)}; expected std of at least 0 "
                "and low not above high."
            )

    def __repr__(self) -> str:
        listed = "".join(f", {name}={value!r}" for name, value in self.parameters)
        return f"Initializer({self.function!r}{listed})"

    @property
    def meaning(self) -> str:
        """The distribution, as a formula."""
        return INITIALIZERS[self.function].meaning.format(**dict(self.parameters))

    def to_document(self) -> str | dict[str, Any]:
        """The name alone where nothing differs from the defaults, else name and parameters."""
        defaults = INITIALIZERS[self.function].defaults
        return to_document(self.function, defaults, self.parameters)


def initializer(value: Any) -> Initializer:
    """An initialiser from what people write: itself, its name, or a mapping with `function`."""
    if isinstance(value, Initializer):
        return value
    if isinstance(value, str):
        return Initializer(value)
    if isinstance(value, Mapping) and isinstance(value.get("function"), str):
        return Initializer(**value)
    raise TypeError


InitializerField = Annotated[
    Initializer | str | None,
    Rule(
        "an initializer or its name, such as 'he_normal'",
        lambda value: None if value is None else initializer(value),
        write=lambda value: None if value is None else value.to_document(),
    ),
]

ZEROS = Initializer("zeros")
ONES = Initializer("ones")
