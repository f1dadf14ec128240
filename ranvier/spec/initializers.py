"""How weights start: each initialiser by name with its parameters and the distribution it draws.

    fan_in, fan_out: how many numbers go into and come out of one unit's weights
    He       Var[w] = 2 / fan_in                 keeps the variance through relu
    Glorot   Var[w] = 2 / (fan_in + fan_out)     keeps it through tanh, forward and backward
    LeCun    Var[w] = 1 / fan_in                 keeps it through linear and selu
    variance_scaling                             any of them, and what lies between

Two starts need more than a name: `lsuv_` of `ranvier.nn` fits weights to a batch of data, and
`start_at_prior_` fits the last bias to the targets.

Reference: He et al. 2015, arXiv:1502.01852; Glorot & Bengio 2010; LeCun et al. 1998 (Efficient
BackProp); Saxe et al. 2014, arXiv:1312.6120 (orthogonal); Martens 2010 (sparse); Zagoruyko &
Komodakis 2018, arXiv:1706.00388 (Dirac); Le, Jaitly & Hinton 2015, arXiv:1504.00941 (identity).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule
from ranvier.spec.parameters import (
    Option,
    Options,
    Parameters,
    Value,
    at_least_zero,
    checked,
    choice,
    count,
    number,
    positive,
    to_document,
)

_MANY = 64


@dataclass(frozen=True)
class Distribution:
    """What an initialiser draws: words for people, the parameters it takes, the ranks it fills.

    `ranks` are the least and the most axes of a weight that it can fill.
    """

    meaning: str
    options: Options = field(default_factory=dict)
    ranks: tuple[int, int] = (0, _MANY)


_INSTEAD = {
    "dirac": " It is for convolutions; 'identity' is its like for matrices.",
    "identity": " It is for matrices; 'dirac' is its like for convolutions.",
}

INITIALIZERS: Registry[Distribution] = Registry("initializer")


def _share(default: float) -> Option:
    return number(default, "a number from 0 to 1", lambda value: 0 <= value <= 1)


for _name, _distribution, _spellings in (
    ("he_normal", Distribution("w ~ N(0, 2 / fan_in)"), ("kaiming_normal",)),
    ("he_uniform", Distribution("w ~ U(−r, r), r = √(6 / fan_in)"), ("kaiming_uniform",)),
    ("glorot_normal", Distribution("w ~ N(0, 2 / (fan_in + fan_out))"), ("xavier_normal",)),
    (
        "glorot_uniform",
        Distribution("w ~ U(−r, r), r = √(6 / (fan_in + fan_out))"),
        ("xavier_uniform",),
    ),
    ("lecun_normal", Distribution("w ~ N(0, 1 / fan_in)"), ()),
    ("lecun_uniform", Distribution("w ~ U(−r, r), r = √(3 / fan_in)"), ()),
    (
        "variance_scaling",
        Distribution(
            "w ~ {distribution}, mean 0, variance {scale:g} / {mode}",
            {
                "scale": positive(1.0),
                "mode": choice("fan_in", "fan_out", "fan_avg"),
                "distribution": choice("normal", "truncated_normal", "uniform"),
            },
        ),
        (),
    ),
    (
        "normal",
        Distribution(
            "w ~ N({mean:g}, {std:g}²)", {"mean": number(0.0), "std": at_least_zero(0.05)}
        ),
        ("random_normal",),
    ),
    (
        "uniform",
        Distribution("w ~ U({low:g}, {high:g})", {"low": number(-0.05), "high": number(0.05)}),
        ("random_uniform",),
    ),
    (
        "truncated_normal",
        Distribution(
            "w ~ N({mean:g}, {std:g}²) cut at ±2 std",
            {"mean": number(0.0), "std": at_least_zero(0.05)},
        ),
        ("trunc_normal",),
    ),
    ("zeros", Distribution("w = 0"), ("zero",)),
    ("ones", Distribution("w = 1"), ("one",)),
    ("constant", Distribution("w = {value:g}", {"value": number(0.0)}), ()),
    (
        "identity",
        Distribution("W = {gain:g} I", {"gain": number(1.0)}, (2, 2)),
        ("eye", "identity_initializer"),
    ),
    (
        "orthogonal",
        Distribution("WᵀW = {gain:g}² I", {"gain": number(1.0)}, (2, _MANY)),
        ("orthogonal_initializer",),
    ),
    (
        "sparse",
        Distribution(
            "w = 0 for {sparsity:g} of each unit's inputs, else w ~ N(0, {std:g}²)",
            {"sparsity": _share(0.9), "std": at_least_zero(0.01)},
            (2, _MANY),
        ),
        (),
    ),
    (
        "dirac",
        Distribution(
            "w = 1 in the middle of the kernel from channel i to channel i, else 0",
            {"groups": count(1)},
            (3, 5),
        ),
        (),
    ),
):
    INITIALIZERS.add(_name, _distribution, other_spellings=_spellings)


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

    def __init__(self, function: str, **parameters: Value) -> None:
        options = INITIALIZERS[function].options
        kept = checked(f"initializer {function}", options, parameters)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "parameters", kept)

    def __repr__(self) -> str:
        listed = "".join(f", {name}={value!r}" for name, value in self.parameters)
        return f"Initializer({self.function!r}{listed})"

    @property
    def meaning(self) -> str:
        """The distribution, as a formula."""
        return INITIALIZERS[self.function].meaning.format(**dict(self.parameters))

    def misfit(self, shape: Shape) -> str:
        """Why a weight of this shape cannot start so; empty where it can.

        >>> Initializer("dirac").misfit((16, 20))
        "got a weight of shape (16, 20) to start as 'dirac'; expected 3 to 5 axes. It is for \
convolutions; 'identity' is its like for matrices."
        >>> Initializer("identity").misfit((16, 20))
        ''
        """
        low, high = INITIALIZERS[self.function].ranks
        groups = dict(self.parameters).get("groups", 1)
        came = f"got a weight of shape {shape} to start as {self.function!r}"
        if not low <= len(shape) <= high:
            wanted = f"{low} axes" if low == high else f"{low} to {high} axes"
            wanted = f"{low} axes or more" if high == _MANY else wanted
            return f"{came}; expected {wanted}.{_INSTEAD.get(self.function, '')}"
        if isinstance(groups, int) and shape and shape[0] % groups:
            return f"{came} with {groups} groups; expected a first axis that {groups} divides."
        return ""

    def to_document(self) -> str | dict[str, Any]:
        """The name alone where nothing differs from the defaults, else name and parameters."""
        options = INITIALIZERS[self.function].options
        return to_document(self.function, options, self.parameters)


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
