"""Facts about each column for the report: plain numbers, ready for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.task import Task
from ranvier.data.tabular.schema import Column, TableSchema

Floats = NDArray[np.float64]
_BINS = 24
_TOP = 12
_SAMPLE = 100_000
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def profile_table(
    frame: pl.DataFrame, schema: TableSchema, task: Task, *, train: NDArray[np.int64]
) -> dict[str, Any]:
    """`{"rows", "columns": [facts…], "target": facts}` of a typed frame.

    Facts are of all rows; `association` with the target is measured on training rows alone.
    """
    sample = train[:: max(1, len(train) // _SAMPLE)][:_SAMPLE]
    target_bins = _bins(frame[task.target].gather(sample), limit=10)
    columns = []
    for column in schema:
        if column.kind == "ignored":
            columns.append({"name": column.name, "kind": column.kind, "why": column.why})
            continue
        facts = profile_column(frame[column.name], column)
        if column.is_feature:
            values = frame[column.name].gather(sample)
            facts["association"] = association(_bins(values, limit=16), target_bins)
        columns.append(facts)
    target = next(facts for facts in columns if facts["name"] == task.target)
    return {"rows": frame.height, "columns": columns, "target": target}


def profile_column(values: pl.Series, column: Column) -> dict[str, Any]:
    """Kind and reason, missing, distinct, examples, and either a spread or the top values."""
    if values.dtype.is_float():
        values = values.set(~values.is_finite().fill_null(True), None)
    present = values.drop_nulls()
    facts: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "why": column.why,
        "missing": values.null_count(),
        "distinct": present.n_unique(),
        "examples": [_plain(cell) for cell in present.head(100).unique(maintain_order=True)[:5]],
    }
    if present.is_empty():
        return facts
    is_number = present.dtype.is_numeric() or present.dtype.is_temporal()
    if is_number and column.kind not in ("boolean", "category"):
        facts.update(_spread(present))
    few = facts["distinct"] <= 32 or not is_number
    if few:
        facts["top"] = _top(present)
    return facts


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    return str(cell)[:80]


def _spread(present: pl.Series) -> dict[str, Any]:
    if present.dtype.is_temporal():
        stamps = present.cast(pl.Int64)
        ends = {"min": str(present.min()), "max": str(present.max())}
        return {**ends, "histogram": _histogram(stamps.to_numpy() / 86_400e6)}
    numbers = present.cast(pl.Float64).to_numpy()
    quantiles = np.quantile(numbers, _QUANTILES)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(numbers.mean()), float(numbers.std())
    return {
        "min": float(numbers.min()),
        "mean": mean if np.isfinite(mean) else None,
        "std": std if np.isfinite(std) else None,
        "max": float(numbers.max()),
        "quantiles": {f"{q:g}": float(v) for q, v in zip(_QUANTILES, quantiles, strict=True)},
        "histogram": _histogram(numbers),
    }


def _histogram(numbers: Floats) -> dict[str, Any]:
    """At most 24 bins. Where few values stretch the range, the outer bins take all beyond them."""
    # The span of the widest column must still be a number.
    numbers = np.clip(numbers, -1e300, 1e300)
    distinct = np.unique(numbers[:_SAMPLE])
    low, high = float(numbers.min()), float(numbers.max())
    inner_low, inner_high = (float(q) for q in np.quantile(numbers, (0.01, 0.99)))
    stretched = inner_low < inner_high and high - low > 3 * (inner_high - inner_low)
    if stretched:
        low, high = inner_low, inner_high
    if low == high:
        return {"edges": [low, high], "counts": [len(numbers)], "open": False}
    whole = bool((distinct % 1 == 0).all()) and high - low < _BINS
    edges = np.arange(low - 0.5, high + 1) if whole else np.linspace(low, high, _BINS + 1)
    counts, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), bins=edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "open": stretched}


def _top(present: pl.Series) -> list[dict[str, Any]]:
    counts = present.rename("value").value_counts(name="count")
    counts = counts.sort(["count", "value"], descending=[True, False]).head(_TOP)
    return [{"value": _plain(row["value"]), "count": row["count"]} for row in counts.to_dicts()]


def _bins(values: pl.Series, *, limit: int) -> NDArray[np.int64]:
    """Each value's bin: one per frequent value, or quantile bins of a number; 0 is missing."""
    if values.dtype.is_temporal():
        values = values.cast(pl.Int64)
    is_number = values.dtype.is_numeric()
    if is_number:
        values = values.cast(pl.Float64).fill_nan(None)
    if values.n_unique() <= limit + 1:
        return values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    if is_number:
        numbers = values.to_numpy()
        present = numbers[np.isfinite(numbers)]
        cuts = np.unique(np.quantile(present, np.linspace(0, 1, limit + 1)[1:-1]))
        return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(cuts, numbers, side="right"))
    frequent = values.drop_nulls().value_counts(sort=True)[:, 0].head(4 * limit)
    codes = pl.Series(range(1, len(frequent) + 1))
    return values.replace_strict(frequent, codes, default=len(frequent) + 1).fill_null(0).to_numpy()


def association(feature: NDArray[np.int64], target: NDArray[np.int64]) -> float:
    """How much one binned column tells of another, from 0 (nothing) to 1: √(1 − exp(−2 I)), I the
    mutual information in nats, less the bias that chance gives a table of this size.

    Reference: E. H. Linfoot, An informational measure of correlation, 1957.

    >>> association(np.array([0, 1] * 50), np.array([0, 0, 1, 1] * 25))
    0.0
    """
    num_rows = len(feature)
    width = int(target.max()) + 1
    joint = np.bincount(feature * width + target, minlength=(int(feature.max()) + 1) * width)
    table = joint.reshape(-1, width) / num_rows
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = table * np.log(table / (rows[:, None] * columns))
    information = float(np.nansum(terms))
    freedom = (np.count_nonzero(rows) - 1) * (np.count_nonzero(columns) - 1)
    corrected = max(0.0, information - freedom / (2 * num_rows))
    return round(float(np.sqrt(1 - np.exp(-2 * corrected))), 4)
