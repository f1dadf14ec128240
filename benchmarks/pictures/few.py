"""200 pictures of two classes that are alike: ours beside a linear model on the same pixels.

Each draw takes other pictures. They are written as PNG files into a folder per class, which is all
that ours is told; the linear model has its penalty chosen by cross-validation. Both are judged on
every test picture of the two classes.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pictures.curve import Arrays
from benchmarks.pictures.race import lines
from benchmarks.workloads.sources import fashion_mnist, mnist
from ranvier.core.random import generator

PICTURES, DRAWS = 200, 5

# Which of the ten, chosen before anything was trained: pairs that are taken for one another.
PAIRS: dict[str, tuple[Callable[[], Arrays], int, int]] = {
    "4 or 9": (mnist, 4, 9),
    "3 or 5": (mnist, 3, 5),
    "pullover or coat": (fashion_mnist, 2, 4),
}


def drawn(arrays: Arrays, classes: tuple[int, int], draw: int) -> Arrays:
    """As many training pictures of each of two classes, and all test pictures of them."""
    random = generator(draw, "benchmark", "few pictures")
    chosen = [
        random.choice(np.flatnonzero(arrays["targets"] == label), PICTURES // 2, replace=False)
        for label in classes
    ]
    rows, tests = np.concatenate(chosen), np.isin(arrays["test_targets"], classes)
    return {
        "inputs": arrays["inputs"][rows],
        "targets": arrays["targets"][rows],
        "test_inputs": arrays["test_inputs"][tests],
        "test_targets": arrays["test_targets"][tests],
    }


def write(arrays: Arrays, folder: Path) -> None:
    """The pictures as files: FOLDER/train/4/17.png."""
    for part, before in (("train", ""), ("test", "test_")):
        pairs = zip(arrays[f"{before}inputs"], arrays[f"{before}targets"], strict=True)
        for number, (pixels, label) in enumerate(pairs):
            path = folder / part / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


def measure(threads: int) -> list[dict[str, Any]]:
    rows = []
    for name, (source, *classes) in PAIRS.items():
        arrays, found = source(), []
        for draw in range(DRAWS):
            with tempfile.TemporaryDirectory(prefix="ranvier-") as place:
                part, folder = drawn(arrays, (classes[0], classes[1]), draw), Path(place)
                np.savez(folder / "arrays.npz", **part)  # type: ignore[arg-type]
                write(part, folder / "pictures")
                settings = json.dumps({"seed": draw, "threads": threads})
                told = ("ours", str(folder / "pictures"), "--settings", settings)
                ours = lines(*told, threads=threads)[-1]
                searched = ("linear", str(folder / "arrays.npz"), "--search")
                linear = lines(*searched, threads=threads)[-1]
            found.append(
                {
                    "draw": draw,
                    "ours": ours["metrics"]["test"]["accuracy"],
                    "linear": linear["accuracy"],
                    "processor_seconds": ours["processor_seconds"],
                }
            )
        rows.append({"pair": name, "draws": found})
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    text = [
        f"| {PICTURES} pictures | linear model | Ranvier | better in | processor seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        draws = row["draws"]
        ours, linear = ([draw[who] for draw in draws] for who in ("ours", "linear"))
        taken = statistics.median(draw["processor_seconds"] for draw in draws)
        better = sum(one > other for one, other in zip(ours, linear, strict=True))
        text.append(
            f"| {row['pair']} | {_spread(linear)} | {_spread(ours)} "
            f"| {better} of {len(draws)} draws | {taken:.0f} |"
        )
    return "\n".join(text) + "\n"


def _spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.4f} ± {deviation:.4f}"
