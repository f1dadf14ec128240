"""A cache of each test's own, and folders of pictures to read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where this test keeps decoded pictures."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RANVIER_CACHE", str(folder))
    return folder


@pytest.fixture
def classes(tmp_path):
    """A folder of two classes: bright bars that lie, and that stand, on noise."""
    random = np.random.default_rng(0)
    for name in ("lying", "standing"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(30):
            picture = random.integers(0, 60, (16, 16), dtype=np.uint8)
            place = random.integers(2, 12)
            picture[place : place + 3] += 150
            turned = picture if name == "lying" else picture.T
            Image.fromarray(np.ascontiguousarray(turned)).save(
                tmp_path / "data" / name / f"{number}.png"
            )
    return tmp_path / "data"
