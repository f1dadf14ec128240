"""The benchmark of pictures: what is kept, what the others are given, what the tables say."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.machine import machine
from benchmarks.pictures import curve, few, linear, many, race, table
from benchmarks.pictures.contests import CONTESTS, Contest


def cell(contest: str, contender: str, seed: int, accuracy: float, seconds: float) -> race.Cell:
    return {
        "dataset": contest,
        "contender": contender,
        "seed": seed,
        "accuracy": accuracy,
        "processor_seconds": seconds,
        "wall_seconds": 2 * seconds,
        "parameters": 1000,
        "epochs": 3,
        "machine": machine(threads=1),
    }


def keyed(*cells: race.Cell) -> dict[tuple[str, str, int], race.Cell]:
    return {(one["dataset"], one["contender"], one["seed"]): one for one in cells}


def squares(rows: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures whose left or right half is bright."""
    labels = random.integers(0, 2, rows)
    pictures = random.integers(0, 90, (rows, 8, 8), dtype=np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, 4 * label : 4 * label + 4] += 120
    return pictures, labels


def arrays() -> curve.Arrays:
    random = np.random.default_rng(0)
    (inputs, targets), (test_inputs, test_targets) = squares(300, random), squares(100, random)
    return {
        "inputs": inputs,
        "targets": targets,
        "test_inputs": test_inputs,
        "test_targets": test_targets,
    }


def test_a_peers_epochs_are_those_that_fit_its_budget_by_what_the_first_took(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(curve.time, "process_time", lambda: float(next(clock)))

    class Peer:
        parameters = 5

        def __init__(self) -> None:
            self.told: list[tuple[int, int | None]] = []

        def train(self, epoch: int, epochs: int | None) -> None:
            self.told.append((epoch, epochs))

        def classes(self, pictures: np.ndarray) -> np.ndarray:
            return np.zeros(len(pictures))

    made, peer = arrays(), Peer()
    curve.run(peer, made, 34.0)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert peer.told == [(0, None), (1, 3), (2, 3)]
    assert [line["processor_seconds"] for line in printed] == [10, 20, 30]
    assert printed[-1]["accuracy"] == pytest.approx((made["test_targets"] == 0).mean())


def test_the_others_get_the_median_of_our_seconds_in_the_same_contest() -> None:
    cells = keyed(
        *(cell("mnist", "ranvier", seed, 0.99, taken) for seed, taken in enumerate((5, 90, 7))),
        cell("fashion-mnist", "ranvier", 0, 0.9, 1000),
        cell("mnist", "keras", 0, 0.99, 500),
    )
    assert race.budget(cells, "mnist") == 7
    assert race.budget(cells, "mnist-in-a-minute") is None


def test_a_row_is_the_mean_the_spread_and_the_least_over_seeds() -> None:
    found = (0.990, 0.994, 0.995)
    rows = table.summarise(
        keyed(*(cell("mnist", "ranvier", seed, one, 10 + seed) for seed, one in enumerate(found)))
    )
    assert len(rows) == 1
    text = table.markdown(rows)
    assert (
        f"| mnist | Ranvier | {np.mean(found):.4f} ± {np.std(found, ddof=1):.4f} "
        "| 0.9900 | 3 | 3 | 11 | 22 | 1,000 |" in text
    )


def test_a_training_that_stands_is_not_made_again_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int, float | None]] = []

    def one(
        contest: Contest, who: str, seed: int, seconds: float | None, *rest: Any
    ) -> dict[str, Any]:
        made.append((who, seed, seconds))
        return {"accuracy": 0.9, "processor_seconds": 40.0 + seed}

    monkeypatch.setattr(race, "one", one)
    monkeypatch.setitem(CONTESTS, "mnist", Contest("mnist", "mnist", arrays, 0.99, 1))
    told = Namespace(
        contests=["mnist"], only=["linear", "keras", "ranvier"], seeds=2, seconds=None,
        threads=1, again=False, out=tmp_path,
    )  # fmt: skip
    race.race(told)
    wanted = [
        ("ranvier", 0, None), ("ranvier", 1, 40.0),
        ("keras", 0, 40.5), ("keras", 1, 40.5), ("linear", 0, 40.5),
    ]  # fmt: skip
    assert made == wanted
    assert len(race.race(told)) == 5
    assert made == wanted
    told.again = True
    race.race(told)
    assert len(made) == 10


def test_the_linear_model_learns_what_is_linear() -> None:
    made = arrays()
    for search in (False, True):
        found = linear.fit(made, search=search)
        assert found["accuracy"] == 1.0
        assert found["parameters"] == 65


def test_few_pictures_are_as_many_of_each_class_and_differ_by_draw(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    many_rows = {
        "inputs": random.integers(0, 255, (900, 4, 4), dtype=np.uint8),
        "targets": np.repeat([0, 1, 2], 300),
        "test_inputs": random.integers(0, 255, (30, 4, 4), dtype=np.uint8),
        "test_targets": np.repeat([0, 1, 2], 10),
    }
    first, second = (few.drawn(many_rows, (0, 2), draw) for draw in (0, 1))
    assert np.bincount(first["targets"]).tolist() == [100, 0, 100]
    assert len(first["test_inputs"]) == 20
    assert (first["inputs"] != second["inputs"]).any()
    few.write(first, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["test", "train"]
    assert len(list(tmp_path.glob("train/2/*.png"))) == 100


def test_pictures_of_classes_differ_and_are_the_same_whenever_they_are_drawn(
    tmp_path: Path,
) -> None:
    many.write(tmp_path, range(20))
    assert len(list(tmp_path.glob("class 3/*.png"))) == 2
    assert (many.draw(3) == many.draw(3)).all()
    assert (many.draw(3) != many.draw(13)).any()


def test_memory_of_a_process_is_seen_from_outside() -> None:
    held = np.ones(40_000_000, np.uint8)
    before = many.share(os.getpid())
    assert before > held.size
    assert os.getpid() in many.family(os.getpid())
    assert many.share(2**22 + 1) == 0
