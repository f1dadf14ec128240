"""What layers share that are one function out of a table: its name, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.core.registry import Registry
from ranvier.spec.fields import Name
from ranvier.spec.parameters import Parameters, shown


class NamedFunction:
    """Mixed into a layer with the fields `function` and `values`, read from records of `table`.

    In a file each of the `values` is a field of its own, beside the function's name.
    """

    table: ClassVar[Registry[Any]]

    function: str
    values: Parameters
    name: Name

    def _keep(self, function: str, values: Parameters, name: Name) -> None:
        for field, value in (("function", function), ("values", values), ("name", name)):
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        listed = "".join(f", {name}={value!r}" for name, value in self.values)
        named = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}({self.function!r}{listed}{named})"

    def told(self) -> str:
        """The parameters as they stand behind an equation."""
        return "".join(f", {name} = {shown(value)}" for name, value in self.values)

    def document(self) -> dict[str, Any]:
        named = {"name": self.name} if self.name else {}
        return {"function": self.function, **dict(self.values), **named}

    @classmethod
    def known_fields(cls, given: Mapping[str, Any]) -> list[str]:
        function = str(given.get("function"))
        known = cls.table[function].options if function in cls.table else ()
        return ["function", "name", *known]

    @classmethod
    def required_fields(cls) -> list[str]:
        return ["function"]
