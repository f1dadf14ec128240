"""A description as JSON and back: pretty, stable, and safe to read from an unknown hand.

A kind is looked up in the registry and nowhere else; nothing in a file can make us import or run
anything. Everything that is wrong in a file is reported at once, each with its path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ranvier.core.errors import FormatError, NetworkError, RanvierError, suggestion
from ranvier.spec.fields import rules_of
from ranvier.spec.layer import LAYERS, Layer
from ranvier.spec.walk import MAX_DEPTH, MAX_LAYERS

FORMAT = 1
MAX_CHARACTERS = 16 * 2**20
_LINE = 88


def to_document(layer: Layer) -> dict[str, Any]:
    """The layer as plain JSON values: its kind and every field that is not None."""
    return {"kind": layer.kind} | {name: _plain(v) for name, v in layer.document().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Layer):
        return to_document(value)
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    return value


def write(layer: Layer) -> str:
    """The layer as JSON text, a line per layer where it fits, ending in a newline."""
    return _pretty({"format": FORMAT} | to_document(layer), "") + "\n"


def _pretty(value: Any, indent: str) -> str:
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(indent) + len(flat) <= _LINE or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        members = [_pretty(member, inner) for member in value]
        opening, closing = "[", "]"
    else:
        members = [f"{json.dumps(key)}: {_pretty(member, inner)}" for key, member in value.items()]
        opening, closing = "{", "}"
    return f"{opening}\n{inner}" + f",\n{inner}".join(members) + f"\n{indent}{closing}"


def read(text: str) -> Layer:
    """The layer that JSON text describes; a `digest` beside it is the file's affair, not ours.

    Raises:
        NetworkError: for everything that cannot be, at once, each with its path.
        FormatError: for a text that a newer Ranvier wrote.
    """
    document = _parse(text)
    document.pop("digest", None)
    written = document.pop("format", FORMAT)
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise NetworkError(f"network.format: got {written!r}; expected a whole number from 1.")
    if written > FORMAT:
        raise FormatError(
            f"network: format {written} is newer than this Ranvier reads ({FORMAT}). "
            "Update Ranvier to read it."
        )
    reader = _Reader()
    layer = reader.layer(document, "network", 0)
    if reader.problems or layer is None:
        raise NetworkError("\n".join(reader.problems))
    return layer


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise NetworkError(
            f"network: {len(text):,} characters of JSON; expected at most {MAX_CHARACTERS:,}."
        )
    try:
        document = json.loads(
            text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant
        )
    except NetworkError:
        raise
    except RecursionError:
        raise NetworkError(
            f"network: nested too deep; expected at most {MAX_DEPTH} layers within each other."
        ) from None
    except ValueError as error:
        raise NetworkError(f"network: not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise NetworkError(
            f"network: got {type(document).__name__}; expected a mapping with a 'kind', as "
            "Network.to_json() writes it."
        )
    return document


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise NetworkError(f"network: {twin!r} stands twice in one mapping; expected it once.")
    return mapping


def _refuse_constant(constant: str) -> Any:
    raise NetworkError(f"network: got {constant}; expected finite numbers only.")


class _Reader:
    """Reads layers and collects what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.layers = 0

    def layer(self, document: Any, path: str, depth: int) -> Layer | None:
        self.layers += 1
        if self.layers > MAX_LAYERS or depth > MAX_DEPTH:
            raise NetworkError(
                f"{path}: expected at most {MAX_LAYERS:,} layers, nested at most {MAX_DEPTH} deep."
            )
        if not isinstance(document, Mapping) or not isinstance(document.get("kind"), str):
            self.problems.append(
                f"{path}: got {_shown(document)}; expected a layer: a mapping with a 'kind'."
            )
            return None
        try:
            found = LAYERS[document["kind"]]
        except RanvierError as error:
            self.problems.append(f"{path}.kind: {error}")
            return None
        return self._build(found, document, path, depth)

    def _build(
        self, found: type[Layer], document: Mapping[str, Any], path: str, depth: int
    ) -> Layer | None:
        before = len(self.problems)
        known = found.known_fields(document)
        rules = rules_of(found)
        fields = {}
        for name, value in document.items():
            if name == "kind":
                continue
            if name not in known:
                self.problems.append(f"{path}: unknown field {name!r}. {suggestion(name, known)}")
            elif name in rules and rules[name].layers:
                fields[name] = self._layers(value, f"{path}.{name}", depth)
            else:
                fields[name] = _frozen(value)
        try:
            layer = found.from_fields(fields)
        except RanvierError as error:
            # Words of the constructor begin with the layer's class; here its path says where.
            for line in str(error).splitlines() if len(self.problems) == before else ():
                own = line.removeprefix(f"{fields.get('name') or found.__name__}.")
                self.problems.append(f"{path}{'.' if own != line else ': '}{own}")
        except TypeError:
            self.problems.append(
                f"{path}: {found.kind} got {_listed(fields)}; expected "
                f"{_listed(found.required_fields())}. Add what is missing."
            )
        else:
            return layer if len(self.problems) == before else None
        return None

    def _layers(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, list):
            return tuple(
                self.layer(member, f"{path}[{i}]", depth + 1) for i, member in enumerate(value)
            )
        return self.layer(value, path, depth + 1) if isinstance(value, dict) else value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no field"


def _frozen(value: Any) -> Any:
    return tuple(_frozen(member) for member in value) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
