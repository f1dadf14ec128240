"""A part's pictures stay where they lie, or are gathered once."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.data.image import arrange as module
from ranvier.data.image.arrange import arrange
from ranvier.data.image.store import folder_of

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 4, 4, 1), dtype=np.uint8)
TOGETHER = {"train": np.arange(0, 12), "test": np.arange(12, 20)}
APART = {"train": np.arange(0, 20, 2), "validation": np.array([3, 1]), "test": np.array([5, 7])}


def test_rows_that_lie_together_are_views():
    parts = arrange(PIXELS, TOGETHER, key="key")
    assert all(np.shares_memory(part, PIXELS) for part in parts.values())
    np.testing.assert_array_equal(parts["test"], PIXELS[12:])


@pytest.mark.parametrize("most", [1 << 29, 50])
def test_rows_apart_are_gathered_into_memory_or_into_a_file(monkeypatch, cache, most):
    monkeypatch.setattr(module, "MOST_IN_MEMORY", most)
    for _ in range(2):
        parts = arrange(PIXELS, APART, key="key")
        assert list(parts) == list(APART)
        for name, places in APART.items():
            np.testing.assert_array_equal(parts[name], PIXELS[places])
            assert parts[name].flags.writeable
    assert (cache / "pictures").exists() == (most == 50)


def test_other_places_are_another_file(monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 50)
    arrange(PIXELS, APART, key="key")
    other = {"train": np.arange(1, 20, 2)}
    np.testing.assert_array_equal(arrange(PIXELS, other, key="key")["train"], PIXELS[1::2])
    assert len([*folder_of("x").parent.iterdir()]) == 2


def test_what_cannot_be_written_is_copied_as_torch_warns_of_it():
    frozen = PIXELS.copy()
    frozen.flags.writeable = False
    parts = arrange(frozen, TOGETHER, key="key")
    assert all(part.flags.writeable for part in parts.values())
    np.testing.assert_array_equal(parts["train"], PIXELS[:12])
