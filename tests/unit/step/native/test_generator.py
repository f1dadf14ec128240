"""The library draws torch's own masks, or is not asked to."""

from __future__ import annotations

import ctypes
import random

import numpy as np
import pytest
import torch

from ranvier.step.native import library
from ranvier.step.native.generator import (
    DOUBLE_EACH,
    METHODS,
    SEEDED_CONGRUENTIAL,
    Generator,
    bernoulli_method,
)


@pytest.fixture
def native() -> ctypes.CDLL:
    found = library()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def words_after(seed: int, count: int) -> list[int]:
    """What the Mersenne Twister gives after this seed, run by Python on torch's words."""
    torch.manual_seed(seed)
    words = np.frombuffer(torch.get_rng_state().numpy().tobytes(), np.uint64, 624, offset=24)
    twister = random.Random()
    twister.setstate((3, (*words.tolist(), 624), None))
    return [twister.getrandbits(32) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 511, 512, 623, 625, 3000])
@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
def test_masks_and_what_comes_after_them_are_those_of_torch(
    native: ctypes.CDLL, count: int, probability: float
) -> None:
    method = bernoulli_method(native)
    if method is None:
        pytest.skip("torch draws here in a way that the library does not know")
    torch.manual_seed(count)
    wanted = torch.empty(count).bernoulli_(probability)
    after = torch.rand(700)
    torch.manual_seed(count)
    assert torch.equal(Generator(native).bernoulli(method, count, probability), wanted)
    assert torch.equal(torch.rand(700), after)


def test_a_method_is_only_taken_if_it_draws_what_torch_draws(native: ctypes.CDLL) -> None:
    found = bernoulli_method(native)
    wanted = torch.empty(100).bernoulli_(0.5, generator=torch.Generator().manual_seed(0))
    for method in METHODS:
        torch.manual_seed(0)
        came = Generator(native).bernoulli(method, 100, 0.5)
        assert torch.equal(came, wanted) == (method == found)


def test_the_congruential_generator_is_that_of_its_definition(native: ctypes.CDLL) -> None:
    """x ← 1132489760 x mod (2³¹ − 1), seeded by one word; 1 where x/(2³¹ − 1) < p."""
    (word,) = words_after(3, 1)
    modulus, place = 2**31 - 1, word % (2**31 - 1)
    wanted = []
    for _ in range(100):
        wanted.append(float(place / modulus < 0.3))
        place = place * 1132489760 % modulus
    torch.manual_seed(3)
    came = Generator(native).bernoulli(SEEDED_CONGRUENTIAL, 100, 0.3)
    assert came.tolist() == wanted


def test_a_mask_of_doubles_takes_two_words_each(native: ctypes.CDLL) -> None:
    words = words_after(4, 40)
    wanted = [
        float(((high << 32 | low) % 2**53) / 2**53 < 0.4)
        for high, low in zip(words[::2], words[1::2], strict=True)
    ]
    torch.manual_seed(4)
    assert Generator(native).bernoulli(DOUBLE_EACH, 20, 0.4).tolist() == wanted
