"""A small table with something of everything, and a training of it that takes a moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.core.errors import StoppedError
from ranvier.train.progress import Silent

QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 32, "threads": 1, "statistics_every": 4}

Train = Callable[..., "rv.Run"]


def people(rows: int = 240, *, seed: int = 0) -> pl.DataFrame:
    """Numbers with holes, words, a date, a column that never varies, and two targets."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, rows)
    income = random.lognormal(10, 1, rows).round(2)
    city = random.choice(["Ulm", "Bonn", "Kiel"], rows)
    return pl.DataFrame(
        {
            "age": [None if place % 17 == 3 else int(a) for place, a in enumerate(age)],
            "income": income,
            "city": city,
            "joined": [f"2023-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(rows)],
            "always": [1] * rows,
            "score": (0.1 * age + (city == "Ulm") + random.normal(0, 0.1, rows)).round(4),
            "bought": np.where(age + 20 * (city == "Ulm") > 60, "yes", "no"),
        }
    )


def network(outputs: int = 2) -> rv.Network:
    return rv.Network(rv.Dense(8, activation="relu"), rv.BatchNorm(), rv.Dense(outputs))


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """`rv.train` of the small network on the small table, into a folder of its own."""

    def begin(source: Any = None, net: Any = "small", **settings: Any) -> rv.Run:
        source = people() if source is None else source
        chosen = network() if net == "small" else net
        out = settings.pop("out", tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}")
        given = {"target": "bought", **QUICK, **settings}
        if given["target"] == "bought":
            given.setdefault("ignore", ("score",))
        return rv.train(chosen, source, out=out, **given)

    return begin


class StopsAfter(Silent):
    """Sends this process a signal at the end of an epoch, as a terminal would."""

    def __init__(self, epoch: int, number: int = signal.SIGTERM) -> None:
        self.stop_epoch, self.number = epoch, number

    def epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == self.stop_epoch:
            os.kill(os.getpid(), self.number)


def stopped(train: Train, out: Path, *arguments: Any, **settings: Any) -> Path:
    """A run that was stopped after its second epoch."""
    with pytest.raises(StoppedError):
        train(*arguments, out=out, progress=StopsAfter(2), epochs=5, **settings)
    return out


def weights_of(run: rv.Run) -> bytes:
    return (run.folder.model / "weights.safetensors").read_bytes()
