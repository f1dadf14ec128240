"""Which column is the target, the weight, the group, the time; checked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, DataError, suggestion
from ranvier.data.tabular.convert import numbers_of
from ranvier.data.tabular.schema import Column
from ranvier.runs.settings import TrainSettings


@dataclass(frozen=True)
class Roles:
    """The columns whose use the caller has settled."""

    target: str
    weight: str | None
    group: str | None
    time: str | None
    ignore: tuple[str, ...]
    categories: tuple[str, ...]

    def columns(self, *, time_is_moment: bool) -> dict[str, Column]:
        """The schema entries of these columns. A time of moments stays a feature (its month and
        hour come again), one of numbers does not: later rows lie beyond all that was learned."""
        roles = {name: Column(name, "ignored", "left out as asked") for name in self.ignore}
        if self.group:
            roles[self.group] = Column(self.group, "group", "rows of one value stay in one part")
        if self.time and not time_is_moment:
            roles[self.time] = Column(self.time, "time", "orders the rows for the split")
        if self.weight:
            roles[self.weight] = Column(self.weight, "weight", "the weight of each row")
        return roles


def settle_roles(
    names: Sequence[str], settings: TrainSettings, *, default: str, source: str
) -> Roles:
    """The roles that `settings` give to the columns `names`.

    Raises:
        DataError: for all columns that are not there together, each with the nearest.
        ConfigError: for one column asked to be two things.
    """
    asked = [("target", settings.target or default)]
    asked += [
        (option, value)
        for option in ("weight", "group", "time")
        if (value := getattr(settings, option)) is not None
    ]
    asked += [("ignore", name) for name in settings.ignore]
    asked += [("categories", name) for name in settings.categories]
    problems = [
        f"{source}: no column {name!r} ({option}). {suggestion(name, names)}"
        for option, name in asked
        if name not in names
    ]
    if problems:
        raise DataError("\n".join(problems))
    _check_conflicts(asked, source)
    if len(names) < 2:
        raise DataError(
            f"{source}: one column, {names[0]!r}; expected a target and at least one column to "
            "predict it from. If all columns landed in one, write the file with commas, tabs, "
            "semicolons or bars between them."
        )
    return Roles(
        settings.target or default,
        settings.weight,
        settings.group,
        settings.time,
        settings.ignore,
        settings.categories,
    )


def _check_conflicts(asked: list[tuple[str, str]], source: str) -> None:
    taken: dict[str, str] = {}
    for option, name in asked:
        if option == "categories":
            continue
        if name in taken and taken[name] != option:
            raise ConfigError(
                f"{source}: column {name!r} is asked for as {taken[name]} and {option}; expected "
                "one use for each column. Drop one of the two options."
            )
        taken[name] = option
    if "group" in taken.values() and "time" in taken.values():
        raise ConfigError(
            f"{source}: both group and time were given; expected one way to split. Give one."
        )


def read_weights(column: pl.Series, source: str) -> NDArray[np.float32]:
    """Sample weights, checked.

    Raises:
        DataError: a missing, infinite or negative weight, by row; or nothing but zeros.
    """
    where = f"{source}, weight {column.name!r}"
    weights = numbers_of(column, decimal=".")
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        row = int(bad[0])
        says = "nothing or no finite number" if np.isnan(weights[row]) else f"{weights[row]:g}"
        raise DataError(
            f"{where}: row {row + 1} says {says} ({len(bad):,} such rows); expected a number that "
            "is not negative in each row. Mend it, or give 0 to a row that should not count."
        )
    if not weights.any():
        raise DataError(f"{where}: every weight is 0; expected some above 0.")
    return weights.astype(np.float32)


def read_times(column: pl.Series, source: str) -> NDArray[np.float64]:
    """The moments or numbers that order the rows.

    Raises:
        DataError: words, or a row without a time.
    """
    where = f"{source}, column {column.name!r} (time)"
    if column.dtype.is_temporal():
        column = column.cast(pl.Int64)
    if not column.dtype.is_numeric():
        raise DataError(
            f"{where}: row 1 says {column[0]!r}; expected dates or numbers to order the rows by."
        )
    times = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    missing = np.flatnonzero(np.isnan(times))
    if len(missing):
        raise DataError(
            f"{where}: row {missing[0] + 1} has none ({len(missing):,} such rows); expected a time "
            "in each row. Fill it in or remove the row."
        )
    return times
