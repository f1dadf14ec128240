"""The files that a data set is kept as: Parquet for a table, arrays for pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import SourceError
from ranvier.data.known.entry import DataSet

if TYPE_CHECKING:
    import polars as pl

    from ranvier.data.known.pictures import PictureArrays

Files = Mapping[str, Callable[[Path], object]]
"""By a file's name in the data set's folder, what writes it."""


def files_of(data_set: DataSet, made: pl.DataFrame | PictureArrays) -> Files:
    """What the converter made, as the files to keep.

    Raises:
        SourceError: where it is not what the entry says.
    """
    return _picture_files(data_set, made) if isinstance(made, dict) else _tables(data_set, made)


def path_of(data_set: DataSet, part: str) -> str:
    """Where the whole or a part is, in the data set's folder."""
    if data_set.is_pictures:
        return part
    return f"{data_set.name}-{part}.parquet" if part else f"{data_set.name}.parquet"


def names_of(data_set: DataSet, part: str) -> tuple[str, ...]:
    """The files that the whole or a part consists of."""
    if not data_set.is_pictures:
        return (path_of(data_set, part),)
    parts = (part,) if part else data_set.parts
    return tuple(f"{one}/{kind}.npy" for one in parts for kind in ("images", "labels"))


def _tables(data_set: DataSet, table: pl.DataFrame) -> Files:
    if table.shape != (data_set.rows, data_set.columns) or data_set.target not in table.columns:
        raise SourceError(
            f"{data_set.name}: {data_set.package} gave {table.height} rows × {table.width} columns "
            f"({', '.join(table.columns[:8])} …); expected {data_set.rows} × {data_set.columns} "
            f"with {data_set.target!r} among them. Install the version of {data_set.package} that "
            "this Ranvier was made with."
        )
    cut = data_set.rows - data_set.test_rows
    tables = {"": table}
    if data_set.parts:
        tables |= {"train": table[:cut], "test": table[cut:]}
    return {path_of(data_set, part): rows.write_parquet for part, rows in tables.items()}


def _picture_files(data_set: DataSet, parts: PictureArrays) -> Files:
    images = {part: arrays[0].shape for part, arrays in parts.items()}
    labels = {part: arrays[1].shape for part, arrays in parts.items()}
    cut = data_set.rows - data_set.test_rows
    wanted = dict(zip(data_set.parts, (cut, data_set.test_rows)))
    fits = labels == {part: (count,) for part, count in wanted.items()} and images == {
        part: (count, *data_set.shape) for part, count in wanted.items()
    }
    if not fits:
        raise SourceError(
            f"{data_set.name}: {data_set.package} gave pictures {images} with labels {labels}; "
            f"expected {wanted} of {data_set.shape}. Fetch the version that this Ranvier was made "
            "with."
        )
    return {
        f"{part}/{kind}.npy": _writer(array)
        for part, arrays in parts.items()
        for kind, array in zip(("images", "labels"), arrays)
    }


def _writer(array: NDArray[np.generic]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        # An open file, as a name without .npy would get it put behind.
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    return write
