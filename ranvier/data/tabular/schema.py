"""What each column of a table is taken for, and why: the inference that a run prints and stores."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

ColumnKind = Literal[
    "numeric",
    "category",
    "boolean",
    "date",
    "text",
    "identifier",
    "constant",
    "empty",
    "ignored",
    "target",
    "weight",
    "group",
    "time",
]
FEATURE_KINDS: tuple[ColumnKind, ...] = ("numeric", "category", "boolean", "date")


def category_option(name: str) -> str:
    """What to give the command line so that the column is read as categories.

    >>> category_option("age"), category_option("last name")
    ('--set categories=age', "--set 'categories=last name'")
    """
    value = json.dumps([name], ensure_ascii=False) if "," in name else name
    return f"--set {shlex.quote(f'categories={value}')}"


@dataclass(frozen=True)
class Column:
    """One column: what it is taken for and the evidence, in words.

    `also_category` marks whole numbers that the network gets twice, as a number and as a category.
    """

    name: str
    kind: ColumnKind
    why: str
    also_category: bool = False

    @property
    def is_feature(self) -> bool:
        return self.kind in FEATURE_KINDS


@dataclass(frozen=True)
class TableSchema:
    """The columns of the source in its own order. `str()` is the table that a run prints.

    >>> print(TableSchema((Column("age", "numeric", "40 distinct numbers"),)))
    column | kind    | why
    age    | numeric | 40 distinct numbers
    """

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_feature)

    def of_kind(self, kind: ColumnKind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == kind)

    def __str__(self) -> str:
        rows = [("column", "kind", "why"), *((c.name, c.kind, c.why) for c in self.columns)]
        name_width = max(len(row[0]) for row in rows)
        kind_width = max(len(row[1]) for row in rows)
        return "\n".join(f"{a:<{name_width}} | {b:<{kind_width}} | {c}" for a, b, c in rows)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, document: list[dict[str, Any]]) -> TableSchema:
        return cls(tuple(Column(**column) for column in document))
