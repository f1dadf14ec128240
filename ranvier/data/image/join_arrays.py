"""Several arrays of pictures as one, without both in memory where they are large."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import SourceError

# More than this is joined in a file that goes when the array does.
_MOST_BYTES = 1 << 28
_PIECE = 1 << 24


def joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The arrays one after the other; a single one as it is.

    Raises:
        SourceError: where there is no room on the disk to join large ones.
    """
    if len(arrays) == 1:
        return arrays[0]
    if sum(array.nbytes for array in arrays) <= _MOST_BYTES:
        return np.concatenate(arrays)
    dtype = np.result_type(*arrays)
    shape = (sum(len(array) for array in arrays), *arrays[0].shape[1:])
    try:
        with tempfile.TemporaryFile(prefix="ranvier-") as file:
            for array in arrays:
                rows = max(1, _PIECE // max(1, array[0].nbytes))
                for start in range(0, len(array), rows):
                    file.write(array[start : start + rows].astype(dtype).tobytes())
            file.flush()
            return np.memmap(file, dtype, "r", shape=shape)
    except OSError as error:
        raise SourceError(
            f"joining parts of {shape[0]:,} pictures takes {_megabytes(shape, dtype):,} MB in the "
            f"folder of temporary files ({error.strerror or error}). Make room there, or name "
            "another with TMPDIR."
        ) from error


def _megabytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=np.float64) * dtype.itemsize / 1e6)
