"""Numbers that a named function takes, such as the slope of leaky_relu: checked and hashable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.core.errors import NetworkError, RanvierError, suggestion
from ranvier.spec.fields import real

Parameters = tuple[tuple[str, float], ...]

_NUMBER = real("a finite number")


def checked(where: str, defaults: Mapping[str, float], given: Mapping[str, Any]) -> Parameters:
    """Every parameter in the order of `defaults`, with what was given in its place.

    Raises:
        NetworkError: for all unknown names and all values that are no number, at once.
    """
    problems = []
    values = dict(defaults)
    for name, value in given.items():
        if name not in defaults:
            problems.append(f"{where}: unknown parameter {name!r}. {suggestion(name, defaults)}")
            continue
        try:
            values[name] = _NUMBER.accept(value)
        except (TypeError, ValueError, RanvierError):
            problems.append(f"{where}.{name}: got {value!r}; expected {_NUMBER.wanted}.")
    if problems:
        raise NetworkError("\n".join(problems))
    return tuple(values.items())


def to_document(
    function: str, defaults: Mapping[str, float], parameters: Parameters
) -> str | dict[str, Any]:
    """The bare name where all parameters are the defaults, else a mapping with every one."""
    if dict(parameters) == dict(defaults):
        return function
    return {"function": function, **dict(parameters)}
