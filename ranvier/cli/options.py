"""A settings schema as options of a command, and the options given as settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from cyclopts import Group, Parameter

from ranvier.core.config import parse_assignment, read_settings_file, resolve, value_from_text


def options_of(schema: type[Any]) -> type[Any]:
    """A dataclass with an option, None unless given, for every field of `schema`: a flag for what
    is true or false, else of text.

    The words are not converted here: `resolve` does that for every source of settings alike, and
    it names all that is wrong at once.
    """
    hints = get_type_hints(schema)
    headings = dict.fromkeys(field.metadata["group"] for field in dataclasses.fields(schema))
    groups = {heading: _group(heading, place) for place, heading in enumerate(headings)}
    fields = [
        (
            field.name,
            _annotation(hints[field.name], field, groups[field.metadata["group"]]),
            dataclasses.field(default=None, metadata={"help": field.metadata["help"]}),
        )
        for field in dataclasses.fields(schema)
    ]
    options = dataclasses.make_dataclass(
        f"{schema.__name__}Options",
        fields,
        kw_only=True,
        frozen=True,
        namespace={"__module__": __name__},
    )
    return Parameter(name="*")(options)


def _annotation(hint: Any, field: dataclasses.Field[Any], group: Group) -> Any:
    default = field.default
    if hint is bool:
        # What is done unless it is forbidden needs a way to forbid it.
        off = f"--no-{field.name.replace('_', '-')}" if default else ""
        return Annotated[bool | None, Parameter(negative=off, show_default=False, group=group)]
    shown = None if default in (None, ()) else lambda _: str(default)
    parameter = Parameter(metavar=_metavar(hint, field), show_default=shown or False, group=group)
    text = tuple[str, ...] if _holds(hint, tuple) else str
    return Annotated[text | None, parameter]


def _group(heading: str, place: int) -> Group:
    """A heading among the options, after the command's own and before those of every verb."""
    return Group(heading or "Options", sort_key=10 + place)


def _metavar(hint: Any, field: dataclasses.Field[Any]) -> str:
    choices = field.metadata["choices"]
    if choices and len("|".join(choices)) <= 16:
        return "|".join(choices)
    if _holds(hint, tuple):
        return "NAME,…"
    if _holds(hint, dict):
        return "NAME|JSON" if _holds(hint, str) else "JSON"
    if _holds(hint, float):
        return "NUMBER"
    return "N" if _holds(hint, int) else METAVARS.get(field.name, "WORD")


COLUMN, SOURCE = "COLUMN", "SOURCE"
METAVARS = {
    "target": COLUMN, "weight": COLUMN, "group": COLUMN, "time": COLUMN, "validation": SOURCE,
    "test": SOURCE, "network": "FILE", "metric": "NAME", "task": "KIND", "device": "NAME",
}  # fmt: skip


def _holds(hint: Any, kind: type[Any]) -> bool:
    return any(
        kind in (part, getattr(part, "__origin__", None)) for part in (hint, *get_args(hint))
    )


def given_settings(
    schema: type[Any],
    options: Any,
    *,
    config: Path | None = None,
    assignments: Sequence[str] = (),
) -> dict[str, Any]:
    """The settings that were given, checked: options over `--set` over the file `config`.

    Only a `--set` that reaches inside a setting, as optimizer.momentum does, adds to its option.

    What was not given is left out, so that a run can tell a choice of the caller's from a default.

    Raises:
        ConfigError: for every unknown key and every unfit value of all three together.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if config is not None:
        layers.append((str(config), read_settings_file(config)))
    assigned = [("--set", dict([parse_assignment(schema, text)])) for text in assignments]
    layers += [layer for layer in assigned if not _reaches_inside(layer)]
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if value is None:
            continue
        if not isinstance(value, bool):
            text = ",".join(value) if isinstance(value, tuple) else value
            value = value_from_text(schema, field.name, text)
        layer = {field.name: value}
        layers.append((f"--{field.name.replace('_', '-')}", layer))
    # `--optimizer sgd --set optimizer.momentum=0.9` means both: what reaches inside comes last.
    layers += [layer for layer in assigned if _reaches_inside(layer)]
    settings = resolve(schema, *layers)
    names = {key.partition(".")[0] for _, layer in layers for key in layer}
    return {name: getattr(settings, name) for name in sorted(names)}


def _reaches_inside(layer: tuple[str, Mapping[str, Any]]) -> bool:
    return any("." in key for key in layer[1])
