"""Settings as frozen dataclasses: one schema for options, files, Python arguments and their help.

A field made with `setting(default, help)` carries its own documentation. `resolve` lays mappings
over the defaults, later over earlier, and refuses every unknown key and every value of the wrong
type at once, each with where it came from.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ranvier.core.errors import ConfigError, suggestion

Settings = TypeVar("Settings")


def setting(
    default: Any,
    help: str,
    *,
    group: str = "",
    choices: Iterable[str] | None = None,
    least: float | None = None,
    below: float | None = None,
) -> Any:
    """A documented field of a settings dataclass, under the heading `group` among the options.

    `choices` closes the set of words it takes; a number is at `least` so much and `below` so much.
    """
    closed = tuple(choices) if choices else None
    metadata = {"help": help, "group": group, "choices": closed, "least": least, "below": below}
    return dataclasses.field(default=default, metadata=metadata)


def value_from_text(schema: type[Any], key: str, text: str) -> Any:
    """What `text` from a command line means for the setting `key`, ready for `resolve`.

    It is read as JSON where the setting can hold a list or a mapping and `text` begins like one,
    and where a dotted `key` reaches inside a mapping; elsewhere `resolve` reads the words itself,
    so that a column called 1 stays a column.

    >>> @dataclasses.dataclass
    ... class Example:
    ...     target: str = ""
    ...     optimizer: str | dict[str, Any] = "adam"
    >>> value_from_text(Example, "target", "1"), value_from_text(Example, "optimizer.momentum", "1")
    ('1', 1)
    """
    name, _, inner = key.partition(".")
    hint = get_type_hints(schema).get(name)
    structured = any(get_origin(part) in (dict, list, tuple) for part in (hint, *get_args(hint)))
    if inner or (structured and text.lstrip().startswith(("{", "["))):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def parse_assignment(schema: type[Any], text: str) -> tuple[str, Any]:
    """The key and the value of `key=value` from a command line."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--set {text}: expected key=value, as in --set batch_size=256.")
    return key, value_from_text(schema, key, value)


def read_settings_file(path: str | Path) -> dict[str, Any]:
    """The mapping in a TOML or JSON configuration file."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this configuration file cannot be read ({error}).") from error
    try:
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(f"{path}: not valid {kind}: {error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(document).__name__}.")
    return document


def resolve(schema: type[Settings], *layers: tuple[str, Mapping[str, Any]]) -> Settings:
    """The settings that `layers` of (where it came from, mapping) give, later over earlier.

    A dotted key reaches into a setting that is itself a mapping: `optimizer.momentum`. Its name may
    come before or after.

    Raises:
        ConfigError: for all unknown keys and ill-typed values of all layers together.
    """
    hints = get_type_hints(schema)
    fields = {field.name: field for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    problems: list[str] = []
    for where, mapping in layers:
        for key, value in mapping.items():
            name, _, rest = key.partition(".")
            if name not in fields:
                problems.append(f"{where}: unknown setting {key!r}. {suggestion(key, fields)}")
                continue
            if rest:
                value = {**_as_mapping(values.get(name)), rest: value}
            elif isinstance(value, str) and _is_unnamed(values.get(name)):
                value = {"kind": value, **values[name]}
            try:
                values[name] = _convert(value, hints[name], fields[name].metadata)
            except ConfigError as error:
                problems.append(f"{_said(where, key, value)}: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return schema(**values)


def _is_unnamed(value: Any) -> bool:
    """Whether these are options that wait to be told what they are options of."""
    return isinstance(value, Mapping) and "kind" not in value


def _said(where: str, key: str, value: Any) -> str:
    """What was given, as it was spelled: `--epochs 0`, or `rv.train: epochs=0`."""
    if where == "--" + key.replace("_", "-"):
        return f"{where} {value}"
    return f"{where}: {key}={json.dumps(value, default=str)}"


def _as_mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"kind": value}


def _convert(value: Any, hint: Any, metadata: Mapping[str, Any]) -> Any:
    choices = metadata.get("choices")
    if choices and value is not None and value not in choices:
        raise ConfigError(
            f"expected one of {', '.join(choices)}. {suggestion(str(value), choices)}"
        )
    if hint == tuple[str, ...] and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        converted = msgspec.convert(value, hint, strict=True)
    except msgspec.ValidationError:
        try:
            converted = msgspec.convert(value, hint, strict=False)
        except msgspec.ValidationError:
            raise ConfigError(f"expected {_wanted(hint)}.") from None
    _check_range(converted, metadata.get("least"), metadata.get("below"))
    return converted


def _wanted(hint: Any) -> str:
    """What a setting of this type takes, in words.

    >>> _wanted(int | None), _wanted(str | dict[str, Any] | None), _wanted(tuple[str, ...])
    ('a whole number', 'a word or a mapping', 'a list of names')
    """
    if get_origin(hint) is tuple:
        return "a list of names"
    parts = [get_origin(part) or part for part in (get_args(hint) or (hint,))]
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word",
             dict: "a mapping"}  # fmt: skip
    return " or ".join(words[part] for part in parts if part in words)


def _check_range(value: Any, least: float | None, below: float | None) -> None:
    if not isinstance(value, int | float):
        return
    # Said so that a value that is no number at all (NaN) is refused too.
    fits = (least is None or value >= least) and (below is None or value < below)
    if not fits:
        bounds = [f"of at least {least:g}"] if least is not None else []
        bounds += [f"below {below:g}"] if below is not None else []
        raise ConfigError(f"expected a number {' and '.join(bounds)}.")


def to_json(settings: Any) -> dict[str, Any]:
    """The settings as plain JSON values, every field present."""
    document: dict[str, Any] = msgspec.to_builtins(dataclasses.asdict(settings))
    return document
