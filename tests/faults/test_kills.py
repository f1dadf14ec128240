"""`kill -9` at any moment, then resume: the same bits as the run that was left alone.

Children come from a server that has torch loaded and forks, so that a kill costs the time of the
training and not of an interpreter's start.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import ranvier as rv
from ranvier import api

SETTINGS = {
    "target": "y",
    "epochs": 12,
    "batch_size": 16,
    "checkpoint_seconds": 0.01,
    "statistics_every": 16,
    "average_decay": 0.9,
    "clip_norm": 1.0,
    "threads": 1,
    "seed": 3,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random_numbers = np.random.default_rng(0)
    columns = {f"x{i}": random_numbers.normal(size=400).round(4) for i in range(5)}
    words = np.array(["red", "green", "blue"])[random_numbers.integers(0, 3, 400)]
    label = np.where(columns["x0"] * columns["x1"] + (words == "red") > 0.3, "yes", "no")
    path = tmp_path_factory.mktemp("data") / "table.csv"
    polars.DataFrame({**columns, "colour": words, "y": label}).write_csv(path)
    return path


def network() -> rv.Network:
    return rv.Network(rv.Dense(16, activation="relu"), rv.BatchNorm(), rv.Dropout(0.2), rv.Dense(2))


def in_child(
    work: Callable[..., Any], *arguments: Any, kill_after: float | None = None, **named: Any
) -> int:
    """Run `work` in a child, killed after so many seconds; its exit code, negative for a signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ranvier.api"])
    child = context.Process(target=work, args=arguments, kwargs=named)
    child.start()
    child.join(kill_after)
    if child.is_alive():
        child.kill()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def weights_of(run: Path) -> bytes:
    return (run / "model" / "weights.safetensors").read_bytes()


def kill_and_resume(source: Path, folder: Path, kills: int, **settings: Any) -> None:
    in_child(time.sleep, 0)  # the server starts with its first child
    settings = {**SETTINGS, **settings}
    alone = folder / "alone"
    begun = time.monotonic()
    assert in_child(api.train, network(), source, out=alone, **settings) == 0
    duration = time.monotonic() - begun
    wanted = rv.load(alone)
    draw = random.Random(0)
    killed = 0
    for number in range(25 * kills):
        run = folder / f"run-{number}"
        begun = time.monotonic()
        moment = draw.uniform(0, duration)
        code = in_child(api.train, network(), source, out=run, kill_after=moment, **settings)
        if code != -signal.SIGKILL:  # the machine was slower when `alone` was timed than it is now
            duration = time.monotonic() - begun
        if not (run / "run.json").exists():  # killed while it still read the data
            continue
        killed += code == -signal.SIGKILL
        # The resumed run may be killed too, and is resumed again.
        in_child(api.resume, run, kill_after=draw.uniform(0, duration))
        assert in_child(api.resume, run) == 0, run
        resumed = rv.load(run)
        assert weights_of(run) == weights_of(alone)
        assert resumed.history == wanted.history
        assert resumed.metrics == wanted.metrics
        if killed == kills:
            break
    assert killed == kills


@pytest.mark.parametrize(("executor", "kills"), [("eager", 5), ("replay", 2), ("native", 3)])
def test_runs_killed_at_random_moments_resume_to_the_same_bits(
    source: Path, tmp_path: Path, executor: str, kills: int
) -> None:
    kill_and_resume(source, tmp_path, kills, executor=executor)


def test_runs_whose_layers_thaw_on_the_way_resume_to_the_same_bits(
    source: Path, tmp_path: Path
) -> None:
    groups = {
        "batch_norm_1": {"thaws_after": 4, "learning_rate_factor": 0.4},
        "dense_0": {"thaws_after": 8, "learning_rate_factor": 0.1},
    }
    kill_and_resume(source, tmp_path, kills=3, executor="replay", parameter_groups=groups)


@pytest.mark.slow
def test_fifty_kills_resume_to_the_same_bits(source: Path, tmp_path: Path) -> None:
    kill_and_resume(source, tmp_path, kills=50)
