"""A trained network's answers rest on the thing in the picture, and the maps say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ranvier as rv
from ranvier.core.errors import ConfigError

SIDE = 16


def things(folder: Path) -> dict[str, tuple[float, float]]:
    """Discs and crosses anywhere on a dull ground; where the middle of each one is."""
    noise = np.random.default_rng(3)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    middles = {}
    for index in range(160):
        picture = noise.integers(20, 60, (SIDE, SIDE)).astype(np.uint8)
        row, column = noise.integers(3, SIDE - 3, 2)
        kind = ("cross", "disc")[index % 2]
        if kind == "disc":
            picture[(rows - row) ** 2 + (columns - column) ** 2 <= 6] = 230
        else:
            picture[row - 2 : row + 3, column] = picture[row, column - 2 : column + 3] = 230
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / kind / f"{index}.png")
        middles[f"{kind}/{index}.png"] = (float(row), float(column))
    return middles


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[rv.api.Run, Path, dict[str, tuple[float, float]]]:
    folder = tmp_path_factory.mktemp("things")
    middles = things(folder / "pictures")
    network = rv.Network(
        rv.Conv(8, kernel=3, padding="same", activation="relu"),
        rv.Conv(16, kernel=3, padding="same", activation="relu"), rv.GlobalMaxPool(), rv.Dense(2),
    )  # fmt: skip
    run = rv.train(
        network, folder / "pictures", epochs=12, learning_rate=0.01, out=folder / "run",
        preflight=False,
    )  # fmt: skip
    return run, folder / "pictures", middles


@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients", "occlusion"])
def test_the_heat_lies_on_the_thing(trained, method):
    run, folder, middles = trained
    assert run.metrics["train"]["accuracy"] > 0.9
    why = run.explain(folder, method=method, limit=160)
    distances = []
    for name, heat in zip(why.names, why.heat, strict=True):
        hottest = np.unravel_index(np.abs(heat).argmax(), heat.shape)
        distances.append(np.hypot(*np.subtract(hottest, middles[name])))
    # Of a place drawn by chance three in four lie farther off than 4 pixels.
    assert np.mean(np.array(distances) <= 4) > 0.7


def test_a_run_on_a_table_is_refused_in_words(tmp_path):
    run = rv.train(None, "iris", epochs=1, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="explain is for runs on pictures so far"):
        run.explain("pictures")
