"""The column to predict: which one, whether it is a class or a number, and what cannot be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, DataError
from ranvier.core.finding import Finding
from ranvier.core.task import Task
from ranvier.data.tabular.typed import canonical_text

_FEW = 20
_ROWS_PER_CLASS = 5
_MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Target:
    """The task, the positions of the rows that have a target, and that target.

    `truth` is the class index of each such row, its number in the target's own unit, or for each
    class of several whether it holds.
    """

    task: Task
    why: str
    rows: NDArray[np.int64]
    truth: NDArray[Any]
    findings: tuple[Finding, ...]


def read_target(column: pl.Series, where: str, *, task: str | None) -> Target:
    """The task that a typed column asks for, over the rows that have a value.

    A row without a value is left out and said; a value that is NaN or Inf is an error.

    Raises:
        ConfigError: for a task that no single column can hold.
        DataError: for a target that is all missing, holds NaN or Inf, never varies, is words where
            a number is asked for, or comes in fewer than two rows.
    """
    where = f"{where}, target {column.name!r}"
    _check_finite(column, where)
    if column.null_count() == len(column):
        raise DataError(
            f"{where}: all {len(column):,} values are missing; expected a value in each row. "
            "Name another column with --target."
        )
    rows = column.is_not_null().arg_true().to_numpy().astype(np.int64)
    present = column.drop_nulls()
    if len(present) < 2:
        raise DataError(
            f"{where}: 1 row with a target; expected at least 2 to learn from, and one more for "
            "each part held out. Bring more rows."
        )
    if task == "multilabel":
        raise ConfigError(
            f"{where}: task multilabel, where any number of classes may hold, is for pictures; a "
            "table predicts one column, which has one value in a row. Say --task classification, "
            "and train once for each column of yes and no."
        )
    kind, why = (task, "as asked") if task else infer_kind(present)
    findings = _missing_finding(column, where)
    if kind == "regression":
        return _regression(present, where, why, rows, findings)
    return _classification(present, where, why, rows, findings)


def infer_kind(present: pl.Series) -> tuple[str, str]:
    """Classification or regression, and the evidence, from the values that are there.

    >>> infer_kind(pl.Series([0, 1, 1, 0]))
    ('classification', '2 different whole numbers')
    """
    distinct = present.n_unique()
    if not present.dtype.is_numeric():
        if present.dtype.is_temporal():
            return "regression", "moments, as days since 1970"
        kind = "booleans" if present.dtype == pl.Boolean else "words"
        return "classification", f"{distinct:,} different {kind}"
    if present.dtype.is_integer():
        if distinct <= 2 or (distinct <= _FEW and len(present) >= _ROWS_PER_CLASS * distinct):
            return "classification", f"{distinct} different whole numbers"
        return "regression", f"{distinct:,} different whole numbers"
    if distinct <= 2 and bool((present % 1 == 0).all()):
        return "classification", f"{distinct} different numbers, both whole"
    return "regression", f"{distinct:,} different numbers"


def _check_finite(column: pl.Series, where: str) -> None:
    if not column.dtype.is_float():
        return
    bad = (column.is_nan() | column.is_infinite()).fill_null(False)
    if bad.any():
        rows = bad.arg_true().to_list()
        shown = ", ".join(f"row {row + 1} is {_spell(column[row])}" for row in rows[:3])
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        raise DataError(
            f"{where}: {shown}{more}; expected finite numbers. Remove these rows or mend them: "
            "input contains NaN or infinity."
        )


def _spell(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Inf" if value > 0 else "-Inf")


def _missing_finding(column: pl.Series, where: str) -> tuple[Finding, ...]:
    missing = column.null_count()
    if not missing:
        return ()
    first = int(column.is_null().arg_true()[0]) + 1
    return (
        Finding(
            "warning",
            f"{missing:,} of {len(column):,} rows {'has' if missing == 1 else 'have'} no target",
            "labels",
            where,
            "These rows were left out. Fill the target in, or remove the rows.",
            evidence={"missing": missing, "rows": len(column), "first_row": first},
        ),
    )


def _regression(
    present: pl.Series,
    where: str,
    why: str,
    rows: NDArray[np.int64],
    findings: tuple[Finding, ...],
) -> Target:
    if present.dtype == pl.String or present.dtype == pl.Categorical:
        raise DataError(
            f"{where}: row {int(rows[0]) + 1} says {present[0]!r}, a word; expected numbers for a "
            "regression. Train a classification (--task classification) or name another column."
        )
    truth = regression_values(present)
    if float(truth.min()) == float(truth.max()):
        raise DataError(
            f"{where}: every row has the same value, {truth[0]:g}; there is nothing to learn. "
            "Name another column with --target."
        )
    return Target(Task("regression", present.name), why, rows, truth, findings)


def regression_values(present: pl.Series) -> NDArray[np.float64]:
    """The target as numbers; a moment is its days since 1970."""
    if present.dtype.is_temporal():
        return present.cast(pl.Int64).to_numpy().astype(np.float64) / 86_400e6
    return present.cast(pl.Float64).to_numpy()


def _classification(
    present: pl.Series,
    where: str,
    why: str,
    rows: NDArray[np.int64],
    findings: tuple[Finding, ...],
) -> Target:
    if present.dtype.is_temporal():
        present = canonical_text(present)
    labels = present.unique().sort()
    if len(labels) < 2:
        raise DataError(
            f"{where}: every row is of one class, {labels[0]!r}; expected at least 2 classes. "
            "Name another column with --target."
        )
    if len(labels) > _MOST_CLASSES or (present.dtype.is_float() and len(labels) > len(rows) / 2):
        raise DataError(
            f"{where}: {len(labels):,} different values in {len(rows):,} rows are too many for "
            f"classes. Train a regression (--task regression) or name another column."
        )
    # The rank among the sorted labels is the index of the network's output.
    truth = present.rank("dense").to_numpy().astype(np.int64) - 1
    task = Task("classification", present.name, tuple(labels.to_list()))
    counts = np.bincount(truth, minlength=len(labels))
    return Target(task, why, rows, truth, (*findings, *_imbalance(task, counts, where)))


def _imbalance(task: Task, counts: NDArray[np.int64], where: str) -> tuple[Finding, ...]:
    """Symptom 33: the effective number of classes is under half of them, or the largest class is
    ten times the smallest."""
    share = counts / counts.sum()
    entropy = float(-(share * np.log(share)).sum())
    evenness = (np.exp(entropy) - 1) / (len(counts) - 1)
    ratio = float(counts.max() / counts.min())
    if evenness >= 0.5 and ratio <= 10:
        return ()
    rare, common = task.classes[int(counts.argmin())], task.classes[int(counts.argmax())]
    return (
        Finding(
            "warning" if evenness < 0.5 else "information",
            f"classes are uneven: {common!r} has {counts.max():,} rows, {rare!r} {counts.min():,}",
            "data",
            where,
            "Look at each class's own scores, not at accuracy alone; "
            "`--class-weight balanced` makes them count alike in training.",
            number=33,
            evidence={"ratio": ratio, "evenness": float(evenness)},
            cure="class_weight=balanced",
        ),
    )
