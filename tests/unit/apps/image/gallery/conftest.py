"""Small pictures that a small network tells apart: bars that lie or stand, and blank ones."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.core.random import generator
from ranvier.core.task import Task
from ranvier.data.image import Pictures

CLASSES = ("lies", "stands", "blank")


def bars(count: int, *, seed: int = 0, first: int = 1, folder: str = "train") -> Pictures:
    """Pictures [12, 12, 1] of the three classes by turns, each on noise."""
    draw = generator(seed, "bars", folder)
    truth = np.arange(count) % 3
    pixels = draw.integers(0, 40, (count, 12, 12, 1)).astype(np.uint8)
    for row, place in enumerate(draw.integers(2, 9, count)):
        if truth[row] == 0:
            pixels[row, place : place + 2] = 220
        elif truth[row] == 1:
            pixels[row, :, place : place + 2] = 220
    numbers = np.arange(first, first + count)
    names = [f"{folder}/{CLASSES[code]}/{n}.png" for code, n in zip(truth, numbers, strict=True)]
    return Pictures(pixels, truth, truth, None, numbers, names)


@pytest.fixture
def task() -> Task:
    return Task("classification", "class", CLASSES)


@pytest.fixture
def pictures() -> Pictures:
    return bars(30)
