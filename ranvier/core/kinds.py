"""A value said as `{kind, options}`: how an option, a file or an argument picks one by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from ranvier.core import config
from ranvier.core.errors import ConfigError
from ranvier.core.registry import Registry


class HasKind(Protocol):
    """A frozen dataclass whose class is registered under `kind`."""

    kind: ClassVar[str]


Member = TypeVar("Member", bound=HasKind)


def to_document(value: HasKind) -> dict[str, Any]:
    """The value as plain JSON: its kind, then every option."""
    return {"kind": value.kind, **config.to_json(value)}


def from_spec(registry: Registry[type[Member]], spec: Member | Mapping[str, Any] | str) -> Member:
    """The member of `registry` that `spec` names: a member itself, a name, or `{kind, options}`.

    Raises:
        UnknownNameError: the kind is not in the registry; the nearest one is named.
        ConfigError: no kind, an unknown option, or a value of the wrong type or range.
    """
    if isinstance(spec, tuple(registry.values())):
        return spec  # type: ignore[return-value]
    if isinstance(spec, str):
        spec = {"kind": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("kind"), str):
        raise ConfigError(
            f"{registry.kind}: got {spec!r}; expected a name or a mapping with its 'kind'. "
            f"Known: {', '.join(registry)}."
        )
    kind: str = spec["kind"]
    options = {key: value for key, value in spec.items() if key != "kind"}
    return config.resolve(registry[kind], (f"{registry.kind} {kind}", options))


def check_ranges(value: HasKind, **conditions: tuple[bool, str]) -> None:
    """Refuse, all at once, the options of `value` whose (holds, what was wanted) does not hold.

    Raises:
        ConfigError: naming every option out of range.
    """
    problems = [
        f"{type(value).__name__}: {option}={getattr(value, option)!r}; expected {wanted}."
        for option, (holds, wanted) in conditions.items()
        if not holds
    ]
    if problems:
        raise ConfigError("\n".join(problems))
