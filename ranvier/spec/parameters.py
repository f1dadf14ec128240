"""What a named function takes, such as the slope of leaky_relu: checked, plain and hashable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ranvier.core.errors import NetworkError, RanvierError, suggestion
from ranvier.spec.fields import Rule, real, whole, word

Value = float | str
Parameters = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Option:
    """One thing a function may be told: what it is if nobody says, and what may be said."""

    default: Value
    rule: Rule


Options = Mapping[str, Option]


def number(
    default: float,
    wanted: str = "a finite number",
    fits: Callable[[float], bool] = lambda value: True,
) -> Option:
    """A finite number that `fits`."""
    return Option(default, real(wanted, fits))


def positive(default: float) -> Option:
    """A number above 0."""
    return number(default, "a number above 0", lambda value: value > 0)


def at_least_zero(default: float) -> Option:
    """A number of at least 0."""
    return number(default, "a number of at least 0", lambda value: value >= 0)


def count(default: int) -> Option:
    """A whole number of at least 1."""
    return Option(default, whole(1))


def choice(*words: str) -> Option:
    """One of `words`; the first if nobody says."""
    return Option(words[0], word(*words))


def checked(where: str, options: Options, given: Mapping[str, Any]) -> Parameters:
    """Every parameter in the order of `options`, with what was given in its place.

    Raises:
        NetworkError: for all unknown names and all values that do not fit, at once.
    """
    problems = []
    values = defaults(options)
    for name, value in given.items():
        if name not in options:
            known = suggestion(name, options) if options else "It takes none."
            problems.append(f"{where}: unknown parameter {name!r}. {known}")
            continue
        rule = options[name].rule
        try:
            values[name] = rule.accept(value)
        except (TypeError, ValueError, RanvierError) as error:
            hint = f" {error}" if isinstance(error, RanvierError) else ""
            problems.append(f"{where}.{name}: got {value!r}; expected {rule.wanted}.{hint}")
    low, high = values.get("low"), values.get("high")
    if isinstance(low, float) and isinstance(high, float) and low > high:
        problems.append(f"{where}: got low {low:g} and high {high:g}; expected low not above high.")
    if problems:
        raise NetworkError("\n".join(problems))
    return tuple(values.items())


def defaults(options: Options) -> dict[str, Value]:
    """What every parameter is if nobody says."""
    return {name: option.default for name, option in options.items()}


def to_document(function: str, options: Options, parameters: Parameters) -> str | dict[str, Any]:
    """The bare name where all parameters are the defaults, else a mapping with every one."""
    if dict(parameters) == defaults(options):
        return function
    return {"function": function, **dict(parameters)}


def shown(value: Value) -> str:
    """A value as an equation or a label writes it.

    >>> shown(0.25), shown("fan_in")
    ('0.25', 'fan_in')
    """
    return value if isinstance(value, str) else f"{value:g}"
