from __future__ import annotations

import numpy as np
import pytest

from ranvier.core.task import Task
from ranvier.data.tabular import prepare
from ranvier.data.tabular.coded import are_codes, signal_of
from ranvier.runs.settings import TrainSettings

NUM_ROWS = 4_000
EFFECT_OF_CODE = np.array([0.0, 2.0, -2.0, 1.5, -1.5, 2.5, -1.0, 0.5])


def column(*, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 8, NUM_ROWS).astype(float), random.normal(size=NUM_ROWS)


def verdict(numbers: np.ndarray, target: np.ndarray) -> bool:
    signal = signal_of(target, Task("regression", "y"))
    return are_codes(numbers[signal.rows], signal)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_whose_effect_jumps_are_codes(seed: int) -> None:
    numbers, noise = column(seed=seed)
    assert verdict(numbers, EFFECT_OF_CODE[numbers.astype(int)] + noise)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [lambda x: x, lambda x: (x - 3.5) ** 2, lambda x: 0 * x, np.sqrt])
def test_numbers_whose_effect_is_smooth_or_none_are_counts(seed: int, shape) -> None:
    numbers, noise = column(seed=seed)
    assert not verdict(numbers, shape(numbers) + noise)


def test_codes_are_told_for_classes_too_and_despite_missing_values() -> None:
    numbers, noise = column(seed=0)
    classes = (EFFECT_OF_CODE[numbers.astype(int)] + noise > 0).astype(np.int64)
    numbers[::7] = np.nan
    signal = signal_of(classes, Task("classification", "y", (0, 1)))
    assert are_codes(numbers[signal.rows], signal)


def test_codes_reach_the_network_as_number_and_as_category() -> None:
    numbers, noise = column(seed=0)
    table = {
        "code": numbers.astype(int),
        "count": numbers[::-1].astype(int),
        "y": EFFECT_OF_CODE[numbers.astype(int)] + noise,
    }
    data = prepare(table, TrainSettings())
    assert data.encoder.feature_names == ("code", "count", "code")
    assert data.encoder.layout.cardinalities == (9,)
    assert "which jump like codes" in data.schema["code"].why
