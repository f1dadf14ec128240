"""How much room the library's kernels want to work in."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

Long, Int = ctypes.c_long, ctypes.c_int


class Sizes:
    """Asks the library, in floats."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._gemm = library.rv_gemm_workspace
        self._gemm.restype, self._gemm.argtypes = Long, [Long, Long, Long, Int]
        self._norm = library.rv_norm_workspace
        self._norm.restype, self._norm.argtypes = Long, [Long, Int]
        self._convolution = library.rv_conv_workspace
        self._convolution.restype = Long
        self._convolution.argtypes = [ctypes.c_void_p, Int]

    def product(self, m: int, n: int, k: int, threads: int) -> int:
        return int(self._gemm(m, n, k, threads))

    def norm(self, width: int, threads: int) -> int:
        return int(self._norm(width, threads))

    def convolution(self, geometry: Sequence[Any], threads: int) -> int:
        """For the words of an `rv_convolution`, which has nothing but integers of this size."""
        words = (Long * len(geometry))(*geometry)
        return int(self._convolution(words, threads))
