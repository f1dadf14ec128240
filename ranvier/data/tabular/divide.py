"""Which split a table gets, and what copies of rows mean for it."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.core.finding import Finding
from ranvier.data.split import (
    Fractions,
    Split,
    fractions_of,
    split_at_random,
    split_by_group,
    split_by_time,
)
from ranvier.data.tabular.duplicates import Copies, coincidences_expected, find_copies, shared_rows
from ranvier.data.tabular.infer import infer_column
from ranvier.data.tabular.roles import Roles, read_times
from ranvier.data.tabular.target import Target
from ranvier.data.tabular.typed import canonical_text
from ranvier.runs.settings import TrainSettings


def divide(
    frame: pl.DataFrame, target: Target, roles: Roles, settings: TrainSettings, source: str
) -> tuple[Split, tuple[Finding, ...]]:
    """The parts, as positions among the rows that have a target, and what was found on the way.

    Raises:
        DataError: for too few rows, groups or moments.
    """
    fractions = fractions_of(settings)
    used = frame[target.rows] if len(target.rows) < frame.height else frame
    if roles.time:
        times = read_times(used[roles.time], source)
        split = split_by_time(times, fractions, column=roles.time)
    elif roles.group:
        groups = group_codes(used[roles.group])
        split = split_by_group(groups, fractions, seed=settings.seed, column=roles.group)
    else:
        return _divide_at_random(used, target, fractions, settings.seed, source)
    _check_classes(target, split, source)
    return split, _torn_copies(_comparable(used, roles), split, source)


def group_codes(groups: pl.Series) -> NDArray[np.int64]:
    """A number per group; a row without one is a group by itself."""
    codes = canonical_text(groups).rank("dense").cast(pl.Int64).to_numpy().astype(np.float64)
    missing = np.isnan(codes)
    codes[missing] = -1 - np.arange(int(missing.sum()))
    return codes.astype(np.int64)


def _divide_at_random(
    used: pl.DataFrame, target: Target, fractions: Fractions, seed: int, source: str
) -> tuple[Split, tuple[Finding, ...]]:
    copies = find_copies(_comparable(used, None))
    split = split_at_random(
        used.height,
        fractions,
        seed=seed,
        classes=target.truth if target.task.is_classification else None,  # type: ignore[arg-type]
        unit=copies.unit if copies.keep_together else None,
    )
    return split, _copies_finding(copies, used.height, source)


def _comparable(frame: pl.DataFrame, roles: Roles | None) -> pl.DataFrame:
    """The columns in which copies of a record agree: all but those that number the rows."""
    names = [
        column.name
        for column in frame
        if column.dtype.is_float()
        or infer_column(column, as_category=False, has_names=True).kind != "identifier"
    ]
    if roles is not None and roles.group in names:
        names.remove(roles.group)
    return frame.select(names)


def _copies_finding(copies: Copies, num_rows: int, source: str) -> tuple[Finding, ...]:
    if not copies.num_copies:
        return ()
    what = f"{copies.num_copies:,} of {num_rows:,} rows are equal to another row in every column"
    evidence = {"copies": copies.num_copies, "rows": num_rows}
    if copies.by_chance:
        advice = "In a table this coarse that is to be expected; they were split like other rows."
        return (Finding("information", what, "data", source, advice, evidence=evidence),)
    advice = (
        "Equal rows were kept in the same part, so that none is tested on after it was learned. "
        "Remove the copies if they are a slip."
    )
    return (Finding("warning", what, "data", source, advice, number=34, evidence=evidence),)


def _torn_copies(used: pl.DataFrame, split: Split, source: str) -> tuple[Finding, ...]:
    train = used[split.train]
    held_out = np.concatenate([split.validation, split.test])
    return overlap_finding(train, used[held_out], source, "the split as asked")


def overlap_finding(
    train: pl.DataFrame, other: pl.DataFrame, where: str, cause: str
) -> tuple[Finding, ...]:
    """Symptom 34: rows held out that stand in the training part too."""
    if not other.height or not (shared := shared_rows(train, other)):
        return ()
    by_chance = coincidences_expected(train)
    advice = (
        "In a table this coarse that is to be expected."
        if by_chance
        else f"They were left in, since {cause} put them there; scores on them are too good. "
        "Remove the copies, or split by a group that holds them together."
    )
    return (
        Finding(
            "information" if by_chance else "warning",
            f"{shared:,} of {other.height:,} held-out rows are equal to a training row",
            "data",
            where,
            advice,
            number=34,
            evidence={"shared": shared, "rows": other.height},
        ),
    )


def _check_classes(target: Target, split: Split, source: str) -> None:
    if not target.task.is_classification:
        return
    seen = np.unique(target.truth[split.train])
    unseen = sorted(set(range(target.task.outputs)) - set(seen.tolist()))
    if unseen:
        listed = ", ".join(repr(target.task.classes[place]) for place in unseen[:5])
        raise DataError(
            f"{source}, target {target.task.target!r}: the training rows of this split hold no row "
            f"of class {listed}; expected every class among them. Split in another way, or remove "
            "the rows of these classes."
        )
