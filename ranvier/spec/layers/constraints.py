"""Constraints: weights are put back into a set after every update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.spec.fields import Name, Rule
from ranvier.spec.joining import one_layer
from ranvier.spec.layer import Layer
from ranvier.spec.layers.wrappers import Around, Inside
from ranvier.spec.parameters import (
    Options,
    Parameters,
    Value,
    at_least_zero,
    checked,
    number,
    positive,
    shown,
)


@dataclass(frozen=True)
class Constraint:
    """A set of weights: what holds for it, and the numbers it may be told."""

    meaning: str
    options: Options


CONSTRAINTS: Registry[Constraint] = Registry("constraint")

_RATE = number(1.0, "a number above 0 and at most 1", lambda value: 0 < value <= 1)

for _name, _meaning, _options in (
    ("max_norm", "‖w‖ ≤ {limit}", {"limit": positive(2.0)}),
    (
        "min_max_norm",
        "{low} ≤ ‖w‖ ≤ {high}",
        {"low": at_least_zero(0.0), "high": positive(1.0), "rate": _RATE},
    ),
    ("non_negative", "w ≥ 0", {}),
    ("unit_norm", "‖w‖ = 1", {}),
):
    CONSTRAINTS.add(_name, Constraint(_meaning, _options))


@dataclass(frozen=True, init=False, repr=False)
class Constrained(Around, Layer):
    """Puts the weights inside back into a set after every update.

        max_norm       w ← w · min(1, limit / ‖w‖)
        min_max_norm   w ← (1 − rate) w + rate · w · clip(‖w‖, low, high) / ‖w‖
        non_negative   w ← max(0, w)
        unit_norm      w ← w / ‖w‖

    w are the numbers that go into one unit (a row of a weight, all of a filter), in every weight
    with two axes or more; `non_negative` takes biases too.

    >>> from ranvier.spec import Dense
    >>> Constrained(Dense(4), "max_norm", limit=3)
    Constrained(Dense(4), 'max_norm', limit=3.0)

    Shapes: what the layer inside takes -> what it gives.

    Raises:
        UnknownNameError: for a constraint that is not known here, with the nearest that is.
        NetworkError: for a number that the constraint does not take, or that cannot be.

    Reference: Srivastava et al. 2014, JMLR 15, sec. 5.1 (max_norm).
    """

    layer: Inside
    constraint: Annotated[str, Rule("the name of a constraint", lambda value: value)]
    values: Annotated[Parameters, Rule("numbers", lambda value: value)]

    def __init__(
        self, layer: Layer, constraint: str, *, name: Name = None, **parameters: Value
    ) -> None:
        if not isinstance(constraint, str):
            raise NetworkError(
                f"{name or 'Constrained'}.constraint: got {constraint!r}; expected the name of "
                "one, such as 'max_norm'."
            )
        values = checked(f"constraint {constraint}", CONSTRAINTS[constraint].options, parameters)
        fields = {"layer": one_layer(layer), "constraint": constraint, "values": values}
        for field, value in (fields | {"name": name}).items():
            object.__setattr__(self, field, value)
        self.__post_init__()

    def __repr__(self) -> str:
        listed = [repr(self.layer), repr(self.constraint)]
        listed += [f"{name}={value!r}" for name, value in self.values]
        listed += [f"name={self.name!r}"] if self.name else []
        return f"Constrained({', '.join(listed)})"

    def before(self, function: str) -> Layer:
        inside = self.layer.before(function)
        return Constrained(inside, self.constraint, name=self.name, **dict(self.values))

    def label(self) -> str:
        told = {name: shown(value) for name, value in self.values}
        return CONSTRAINTS[self.constraint].meaning.format(**told)

    def document(self) -> dict[str, Any]:
        named = {"name": self.name} if self.name else {}
        return {"layer": self.layer, "constraint": self.constraint, **dict(self.values), **named}

    @classmethod
    def known_fields(cls, given: Mapping[str, Any]) -> list[str]:
        constraint = str(given.get("constraint"))
        known = CONSTRAINTS[constraint].options if constraint in CONSTRAINTS else ()
        return ["layer", "constraint", "name", *known]

    @classmethod
    def required_fields(cls) -> list[str]:
        return ["layer", "constraint"]
