"""What the data is, as one hash: the same on every machine, another if any cell changes."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

_ROWS = 1 << 18


def fingerprint(frame: pl.DataFrame) -> str:
    """SHA-256 over names, types and cells, in order; polars' own hashes differ by version.

    >>> fingerprint(pl.DataFrame({"a": [1]})) == fingerprint(pl.DataFrame({"a": [2]}))
    False
    """
    digest = hashlib.sha256(f"{frame.height} {frame.width}".encode())
    for column in frame:
        digest.update(f"\0{column.name}\0{_kind(column.dtype)}\0".encode())
        for start in range(0, frame.height, _ROWS):
            _update(digest, column.slice(start, _ROWS))
    return digest.hexdigest()


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_temporal():
        return "moment"
    if dtype.is_numeric() or dtype == pl.Boolean:
        return "number"
    return "text"


def _update(digest: hashlib._Hash, column: pl.Series) -> None:
    digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
    kind = _kind(column.dtype)
    if kind == "moment":
        column = column.to_physical()
    if kind != "text":
        wide = pl.Int64 if column.dtype.is_integer() or column.dtype == pl.Boolean else pl.Float64
        numbers = column.cast(wide, strict=False).fill_null(0).to_numpy()
        # One bit pattern for every NaN, and for both zeros.
        if wide == pl.Float64:
            numbers = np.where(np.isnan(numbers), np.nan, numbers) + 0.0
        digest.update(numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes())
        return
    if column.dtype.is_nested() or column.dtype == pl.Object:
        column = pl.Series(column.name, [repr(cell) for cell in column.to_list()])
    text = column.cast(pl.String).fill_null("")
    digest.update(text.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").tobytes())
    digest.update("".join(text.to_list()).encode())
