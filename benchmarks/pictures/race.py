"""Every contest, contender and seed once: each in a process of its own, kept as soon as done."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import ROOT
from benchmarks.machine import machine
from benchmarks.peers_environment import peers_python
from benchmarks.pictures.contests import CONTESTS, LINEAR, OURS, PEERS, TITLES, Contest
from benchmarks.tables import read_cells

Cell = dict[str, Any]


def race(arguments: Namespace) -> dict[tuple[str, str, int], Cell]:
    """All cells that were asked for; those that stand in the file already are not run again."""
    path = arguments.out / "pictures.jsonl"
    here = machine(threads=arguments.threads)
    cells = read_cells(path)
    for contest in (CONTESTS[name] for name in arguments.contests):
        with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
            arrays = Path(folder) / "arrays.npz"
            np.savez(arrays, **contest.arrays())  # type: ignore[arg-type]
            # Ours is first, since its seconds are the others' budget.
            for contender in sorted(arguments.only, key=list(TITLES).index):
                # Nothing in logistic regression is random.
                for seed in range(1 if contender == LINEAR else arguments.seeds):
                    key = (contest.name, contender, seed)
                    if key in cells and not arguments.again:
                        continue
                    seconds = arguments.seconds or budget(cells, contest.name)
                    found = one(contest, contender, seed, seconds, arrays, arguments.threads)
                    names = dict(zip(("dataset", "contender", "seed"), key))
                    cells[key] = {**names, **found, "machine": here}
                    with path.open("a") as file:
                        file.write(json.dumps(cells[key]) + "\n")
                    _say(f"{' '.join(map(str, key))}: {found['accuracy']:.4f}")
    return cells


def budget(cells: dict[tuple[str, str, int], Cell], contest: str) -> float | None:
    """The processor seconds of ours, the median over its seeds."""
    spent = [cell["processor_seconds"] for key, cell in cells.items() if key[:2] == (contest, OURS)]
    return statistics.median(spent) if spent else None


def one(
    contest: Contest, contender: str, seed: int, seconds: float | None, arrays: Path, threads: int
) -> Cell:
    """One training, and what came of it on the test pictures."""
    if contender == OURS:
        settings = json.dumps({**contest.settings, "seed": seed, "threads": threads})
        found = lines("ours", contest.source, "--settings", settings, threads=threads)[-1]
        return {**found, "accuracy": found["metrics"]["test"]["accuracy"]}
    if contender == LINEAR:
        return lines("linear", str(arrays), threads=threads)[-1]
    if seconds is None:
        raise SystemExit(
            f"{contest.name}: the others take as long as ours. Run ours too, or say --seconds."
        )
    peer = PEERS[contender]
    told = ["--seconds", str(seconds), "--seed", str(seed), "--threads", str(threads)]
    curve = lines(peer.module, str(arrays), *told, threads=threads, backend=peer.backend)
    return {**curve[-1], "budget": seconds, "curve": curve}


def lines(module: str, *told: str, threads: int, backend: str | None = None) -> list[Any]:
    """What a module of this folder prints; one with a `backend` lives with the peers."""
    python = sys.executable if backend is None else str(peers_python(_say))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    if backend:
        environment["KERAS_BACKEND"] = backend
    done = subprocess.run(
        [python, "-m", f"benchmarks.pictures.{module}", *told],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
