"""60,000 pictures in folders: memory beyond the cache, and how soon the first epoch begins.

The pictures are colour PNG files of 64 × 64 in ten folders, each a shape on a smooth ground. They
are trained on twice, each time in a process of its own: the second finds the cache of the first.
Memory is what all processes of a training hold in all, pages that they share counted once, looked
at ten times a second; the cache is mapped, so its pages are in it and are taken off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.contenders import ROOT
from ranvier.core.random import generator

PICTURES, SIDE, CLASSES = 60_000, 64, 10
GIB = 2**30
AIM_GIB, AIM_SECONDS = 2.0, 20.0


def draw(number: int) -> np.ndarray:
    """A disc or a square on a ground that changes smoothly, with a little noise."""
    random, label = generator(number, "benchmark", "many pictures"), number % CLASSES
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    ground = np.stack([x, y, (x + y) / 2], -1) * random.uniform(50, 200, 3)
    centre, size = random.uniform(0.3, 0.7, 2), 0.08 + 0.02 * label
    away = np.stack([abs(x - centre[0]), abs(y - centre[1])])
    inside = (away.max(0) if label % 2 else np.hypot(*away)) < size
    ground[inside] = random.uniform(0, 255, 3)
    return (ground + random.integers(0, 8, (SIDE, SIDE, 1))).clip(0, 255).astype(np.uint8)


def write(folder: Path, numbers: range) -> None:
    for number in numbers:
        path = folder / f"class {number % CLASSES}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(number)).save(path)


def write_all(folder: Path, count: int) -> None:
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        parts = [pool.submit(write, folder, range(w, count, workers)) for w in range(workers)]
        for part in parts:
            part.result()


def measure(count: int, threads: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="ranvier-") as place:
        folder, cache = Path(place) / "pictures", Path(place) / "cache"
        _say(f"writing {count:,} pictures")
        write_all(folder, count)
        return [{"start": start, **train(folder, cache, threads)} for start in ("first", "second")]


def train(folder: Path, cache: Path, threads: int) -> dict[str, Any]:
    """One epoch, watched from outside."""
    settings = json.dumps({"epochs": 1, "threads": threads})
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RANVIER_CACHE": str(cache),
        "OMP_NUM_THREADS": str(threads),
    }
    command = [sys.executable, "-m", "benchmarks.pictures.ours", str(folder)]
    with subprocess.Popen(
        [*command, "--settings", settings], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        peak = Peak(child.pid)
        peak.start()
        out, _ = child.communicate()
    peak.join()
    if child.returncode != 0:
        raise SystemExit("the training failed; what it said stands above")
    cached = sum(path.stat().st_size for path in cache.glob("**/pictures/*/*"))
    trained = json.loads(out.splitlines()[-1])
    return {
        "pictures": len(list(folder.glob("*/*.png"))),
        "peak_gib": peak.bytes / GIB,
        "cache_gib": cached / GIB,
        "above_gib": (peak.bytes - cached) / GIB,
        **{name: seconds for name, seconds in trained.items() if "seconds" in name},
    }


class Peak(threading.Thread):
    """The most that a process and its children ever held, until it ends."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.bytes = process, 0

    def run(self) -> None:
        while held := sum(map(share, family(self.process))):
            self.bytes = max(self.bytes, held)
            time.sleep(0.1)


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = [
            int(child)
            for thread in Path(f"/proc/{process}/task").iterdir()
            for child in (thread / "children").read_text().split()
        ]
    except OSError:
        return [process]
    return [process, *(member for child in children for member in family(child))]


def share(process: int) -> int:
    """A process's bytes in memory, what it shares with others divided among them."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024


def markdown(rows: list[dict[str, Any]]) -> str:
    text = [
        "| start | peak, GiB | cache, GiB | above it, GiB (aim: at most "
        f"{AIM_GIB:g}) | first epoch begins after, s (aim: {AIM_SECONDS:g}) "
        "| in processor seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    text += [
        f"| {row['start']} | {row['peak_gib']:.2f} | {row['cache_gib']:.2f} "
        f"| {row['above_gib']:.2f} | {row['seconds_to_start']:.1f} "
        f"| {row['processor_seconds_to_start']:.1f} |"
        for row in rows
    ]
    return "\n".join(text) + "\n"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
