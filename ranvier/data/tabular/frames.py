"""Tables that are already in memory: frames, mappings of columns, arrays, (X, y) pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from ranvier.core.errors import DataError


def frame_from_memory(source: Any, *, where: str) -> pl.DataFrame:
    """A polars frame of what `source` holds, column by column.

    Raises:
        DataError: something that is no table, or columns that cannot be.
    """
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, tuple) and len(source) == 2:
        return _pair(source[0], source[1], where=where)
    if isinstance(source, Mapping):
        return _mapping(source, where=where)
    if isinstance(source, np.ndarray):
        return _array(source, where=where)
    if isinstance(source, list) and source and all(isinstance(row, Mapping) for row in source):
        return _records(source, where=where)
    if isinstance(source, list) and source and isinstance(source[0], list | tuple):
        return _array(np.asarray(source, dtype=object), where=where)
    check_names(list(getattr(source, "columns", ())), where=where)
    return _foreign(source, where=where)


def _records(rows: list[Mapping[str, Any]], *, where: str) -> pl.DataFrame:
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    return _mapping({name: [row.get(name) for row in rows] for name in names}, where=where)


def _mapping(columns: Mapping[Any, Any], *, where: str) -> pl.DataFrame:
    made = [_column(str(name), values, where=where) for name, values in columns.items()]
    lengths = {series.name: len(series) for series in made}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise DataError(f"{where}: columns of different lengths: {listed}. Give each the same.")
    return pl.DataFrame(made)


def _column(name: str, values: Any, *, where: str) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise DataError(
                f"{where}, column {name!r}: an array of shape {values.shape}; expected one value "
                "per row, shape (rows,)."
            )
        if values.dtype.kind not in "OV":
            return pl.Series(name, values)
        values = values.tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(
            f"{where}, column {name!r}: {type(values).__name__} {values!r}; expected a list of "
            "values, one per row. For a single row write {column: [value]}."
        )
    return _from_objects(name, list(values))


def _from_objects(name: str, cells: list[Any]) -> pl.Series:
    """Python objects as one type: numbers together, else everything as text."""
    cells = [None if _is_missing_marker(cell) else _plain(cell) for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} or len(kinds) <= 1:
        return pl.Series(name, cells, strict=False)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells])


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _is_missing_marker(cell: Any) -> bool:
    return cell is None or type(cell).__name__ in {"NAType", "NaTType"}


def _array(values: np.ndarray, *, where: str, names: list[str] | None = None) -> pl.DataFrame:
    if values.ndim != 2:
        raise DataError(
            f"{where}: an array of shape {values.shape}; expected two axes, [rows, columns]."
        )
    names = names or [f"x{place}" for place in range(values.shape[1])]
    return pl.DataFrame(
        [_column(name, values[:, place], where=where) for place, name in enumerate(names)]
    )


def _pair(inputs: Any, target: Any, *, where: str) -> pl.DataFrame:
    array = not hasattr(inputs, "columns") and not isinstance(inputs, Mapping)
    frame = (
        _array(np.asarray(inputs, dtype=None if _is_array(inputs) else object), where=f"{where}, X")
        if array
        else frame_from_memory(inputs, where=f"{where}, X")
    )
    name = getattr(target, "name", None)
    name = str(name) if name not in (None, "") else "target"
    if hasattr(target, "columns"):
        last = frame_from_memory(target, where=f"{where}, y")
        if last.width != 1:
            raise DataError(f"{where}, y: {last.width} columns; expected one.")
        series = last.to_series()
        name = series.name
    else:
        series = _series(name, target, where=f"{where}, y")
    if name in frame.columns:
        raise DataError(f"{where}: {name!r} names the target and a column of X. Rename one.")
    if len(series) != frame.height:
        raise DataError(
            f"{where}: X has {frame.height} rows and y has {len(series)}; expected one target per "
            "row."
        )
    return frame.with_columns(series.alias(name))


def _series(name: str, values: Any, *, where: str) -> pl.Series:
    try:
        native = nw.from_native(values, series_only=True)
    except TypeError:
        return _column(name, np.asarray(values) if _is_array(values) else values, where=where)
    return _foreign_column(name, native)


def _is_array(values: Any) -> bool:
    return isinstance(values, np.ndarray) or hasattr(values, "__array__")


def _foreign(source: Any, *, where: str) -> pl.DataFrame:
    try:
        frame: Any = nw.from_native(source)
    except TypeError:
        if _is_array(source):
            return _array(np.asarray(source), where=where)
        raise DataError(
            f"{where}: {type(source).__name__} is no table. Give a path, the name of a known data "
            "set, a polars or pandas DataFrame, a mapping of columns, an array [rows, columns], "
            "or a pair (X, y)."
        ) from None
    except Exception as error:
        # narwhals names duplicate columns with an error of its own, before we can.
        raise DataError(f"{where}: this frame cannot be read: {error}") from error
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if frame.implementation.is_polars():
        return frame.to_native()
    return pl.DataFrame([_foreign_column(str(name), frame[name]) for name in frame.columns])


def _foreign_column(name: str, column: Any) -> pl.Series:
    """One column of another frame library, without pyarrow: numbers an array, words a list."""
    if column.implementation.is_polars():
        return column.to_native().alias(name)
    kind = column.dtype
    missing = column.is_null().to_numpy().astype(bool)
    if kind.is_numeric() or kind == nw.Boolean:
        if not missing.any():
            return pl.Series(name, column.to_numpy())
        if kind.is_float():
            # pandas marks a missing number with NaN; it is missing here too, and not a bad value.
            return pl.Series(name, column.to_numpy().astype(np.float64), nan_to_null=True)
    if kind == nw.Datetime and kind.time_zone is None:
        return pl.Series(name, column.to_numpy().astype("datetime64[us]"))
    cells = [None if gone else cell for cell, gone in zip(column.to_list(), missing, strict=True)]
    return _from_objects(name, cells)


def check_names(names: list[Any], *, where: str) -> None:
    """Refuse two columns of one name.

    Raises:
        DataError: naming each of them.
    """
    repeated = sorted(name for name, count in Counter(map(str, names)).items() if count > 1)
    if repeated:
        listed = ", ".join(repr(name) for name in repeated)
        raise DataError(
            f"{where}: more than one column is called {listed}; expected a different name for "
            "each column. Rename them."
        )
