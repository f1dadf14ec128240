"""Torch's random generator of the processor, run by the library with the same results."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

# As `random.h` has them: the words, and two counters.
_WORDS = 624 + 2
# How torch may draw `bernoulli_`, and whether in the order of memory or of the tensor's axes.
DOUBLE_EACH, SEEDED_CONGRUENTIAL = range(2)
METHODS = (DOUBLE_EACH, SEEDED_CONGRUENTIAL)


class Generator:
    """The generator's state while the library draws from it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._words = torch.zeros(_WORDS, dtype=torch.int32)
        pointer = ctypes.c_void_p
        self._read, self._write = library.rv_generator_read, library.rv_generator_write
        for function in (self._read, self._write):
            function.restype, function.argtypes = None, [pointer, pointer]
        self._bernoulli = library.rv_bernoulli
        self._bernoulli.restype = None
        self._bernoulli.argtypes = [
            pointer, ctypes.c_int, ctypes.c_long, ctypes.c_double, pointer,
        ]  # fmt: skip

    @property
    def words(self) -> Tensor:
        return self._words

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Take torch's generator over, and give it back where the library left it."""
        state = torch.get_rng_state()
        self._read(self._words.data_ptr(), state.data_ptr())
        try:
            yield
        finally:
            self._write(self._words.data_ptr(), state.data_ptr())
            torch.set_rng_state(state)

    def bernoulli(self, method: int, count: int, probability: float) -> Tensor:
        result = torch.empty(count)
        with self.borrowed():
            address = self._words.data_ptr()
            self._bernoulli(address, method, count, probability, result.data_ptr())
        return result


@lru_cache(maxsize=1)
def bernoulli_method(library: ctypes.CDLL) -> int | None:
    """The method that draws what torch draws on this machine, None if none does.

    Found by trying: the numbers and the generator's state behind them must be torch's own.
    """
    with torch.random.fork_rng(devices=[]):
        return next((m for m in METHODS if _draws_alike(Generator(library), m)), None)


def _draws_alike(generator: Generator, method: int) -> bool:
    for seed, count, probability in ((0, 7, 0.5), (1, 700, 0.9), (2, 5_000, 0.1), (3, 1_000, 0.75)):
        torch.manual_seed(seed)
        torch.rand(seed)
        before = torch.get_rng_state()
        wanted = torch.empty(count).bernoulli_(probability)
        after = torch.get_rng_state()
        torch.set_rng_state(before)
        if not torch.equal(generator.bernoulli(method, count, probability), wanted):
            return False
        if not torch.equal(torch.get_rng_state(), after):
            return False
    return True
