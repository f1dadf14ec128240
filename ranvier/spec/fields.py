"""What a field of a description may hold, said once for Python arguments and for JSON alike.

A field is annotated with the type it keeps and a `Rule`: the words for what is wanted, and the
function that gives the value to keep or refuses. So a wrong value is refused where it is written,
with the same words from every side.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ranvier.core.errors import NetworkError, RanvierError, suggestion


@dataclass(frozen=True)
class Rule:
    """What a field takes: `wanted` in words, `accept` as a function that raises what it refuses.

    `write` gives the kept value's plain form for JSON, where it is not plain already; `layers`
    says that the field holds layers, which a file spells as mappings with a `kind`.
    """

    wanted: str
    accept: Callable[[Any], Any]
    write: Callable[[Any], Any] | None = None
    layers: bool = False


def whole(minimum: int, maximum: int = 2**40) -> Rule:
    """A whole number from `minimum` to `maximum`."""

    def accept(value: Any) -> int:
        value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    upper = f" and at most {maximum:,}" if maximum < 2**40 else ""
    return Rule(f"a whole number of at least {minimum}{upper}", accept)


def real(wanted: str, fits: Callable[[float], bool] = lambda value: True) -> Rule:
    """A finite number that `fits`."""

    def accept(value: Any) -> float:
        value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        value = float(value)
        if not math.isfinite(value) or not fits(value):
            raise ValueError
        return value

    return Rule(wanted, accept)


def word(*choices: str) -> Rule:
    """One of `choices`."""

    def accept(value: Any) -> str:
        if value in choices and isinstance(value, str):
            return value
        raise NetworkError(suggestion(str(value), choices))

    return Rule("one of " + ", ".join(repr(choice) for choice in choices), accept)


def optional(rule: Rule) -> Rule:
    """What `rule` takes, or None."""
    return Rule(
        f"{rule.wanted}, or None",
        lambda value: None if value is None else rule.accept(value),
    )


def many(rule: Rule, of: str, *, minimum: int = 0) -> Rule:
    """A tuple whose members `rule` takes."""

    def accept(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | dict) or not hasattr(value, "__iter__"):
            raise TypeError
        members = tuple(_member(rule, position, member) for position, member in enumerate(value))
        if len(members) < minimum:
            raise ValueError
        return members

    return Rule(of, accept)


def _member(rule: Rule, position: int, value: Any) -> Any:
    try:
        return rule.accept(value)
    except (TypeError, ValueError) as error:
        if isinstance(error, RanvierError):
            raise
        raise NetworkError(
            f"Number {position + 1} is {_shown(value)}; give {rule.wanted}."
        ) from error


def _accept_flag(value: Any) -> bool:
    value = _plain(value)
    if not isinstance(value, bool):
        raise TypeError
    return value


def _accept_name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", value):
        raise ValueError
    return value


def _plain(value: Any) -> Any:
    # A width that a search draws with NumPy is a NumPy scalar; a description keeps plain numbers.
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value


Count = Annotated[int, whole(1)]
Share = Annotated[float, real("a number from 0 up to, but not, 1", lambda value: 0 <= value < 1)]
Positive = Annotated[float, real("a number above 0", lambda value: value > 0)]
Flag = Annotated[bool, Rule("true or false", _accept_flag)]
Name = Annotated[
    str | None, Rule("letters, digits and underscores, no digit first (at most 64)", _accept_name)
]


_RULES: dict[type, dict[str, Rule]] = {}


def rules_of(description: type) -> dict[str, Rule]:
    """The rule of every field of a description, in the order of its arguments."""
    if description not in _RULES:
        _RULES[description] = _read_rules(description)
    return _RULES[description]


def _read_rules(description: type) -> dict[str, Rule]:
    hints = get_type_hints(description, include_extras=True)
    rules = {}
    for field in dataclasses.fields(description):
        hint = hints[field.name]
        found = [part for part in get_args(hint)[1:] if isinstance(part, Rule)]
        assert get_origin(hint) is Annotated and found, f"{description}.{field.name} has no rule"
        rules[field.name] = found[0]
    return rules


def check_fields(description: Any, where: str) -> None:
    """Put the value its rule accepts into every field.

    Raises:
        NetworkError: for all fields at once that hold something else.
    """
    problems = []
    for name, rule in rules_of(type(description)).items():
        value = getattr(description, name)
        try:
            kept = rule.accept(value)
        except (TypeError, ValueError, RanvierError) as error:
            hint = f" {error}" if isinstance(error, RanvierError) else ""
            problems.append(f"{where}.{name}: got {_shown(value)}; expected {rule.wanted}.{hint}")
        else:
            if kept is not value:
                object.__setattr__(description, name, kept)
    if problems:
        raise NetworkError("\n".join(problems))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
