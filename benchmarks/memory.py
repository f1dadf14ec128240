"""Peak memory of training on 2,000,000 rows × 20 columns, above what the encoded tensors take.

    python -m benchmarks.memory [--rows 2000000] [--epochs 1] [--threads 2] [--out benchmarks/out]

The table is made and the network trained in processes of their own, since a process's peak never
falls again and making the table has a peak too.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.machine import machine, sentence
from ranvier.core.random import generator

NUMBERS, CATEGORIES = 15, 4  # and the target
WORDS = 50
AIM_GIB = 3.0
GIB = 2**30


def make_table(path: Path, rows: int) -> None:
    """Numbers, categories of fifty words each, and a class that depends on both."""
    draw = generator(0, "benchmark", "memory")
    numbers = {f"x{j}": draw.normal(size=rows) for j in range(NUMBERS)}
    codes = {f"c{j}": draw.integers(WORDS, size=rows) for j in range(CATEGORIES)}
    score = sum(numbers.values()) / NUMBERS**0.5 + 0.1 * (codes["c0"] - WORDS / 2)
    words = np.array([f"word {k}" for k in range(WORDS)], dtype=object)
    columns = {name: pl.Series(words[code], dtype=pl.String) for name, code in codes.items()}
    labels = pl.Series(np.where(score > 0, "yes", "no").astype(object), dtype=pl.String)
    pl.DataFrame({**numbers, **columns, "y": labels}).write_parquet(path)


def train(path: Path, out: Path, epochs: int, threads: int) -> dict[str, Any]:
    """Train on the table; this process's peak in bytes, and the seconds it took."""
    import ranvier as rv

    start = time.perf_counter()
    run = rv.train(None, str(path), target="y", epochs=epochs, threads=threads, out=out)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"peak_bytes": peak, "seconds": seconds, "metrics": dict(run.metrics["test"])}


def encoded_bytes(rows: int) -> int:
    """A float32 for each feature of each row, and an int64 for its class."""
    return rows * ((NUMBERS + CATEGORIES) * 4 + 8)


def in_a_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(rows: int, epochs: int, threads: int) -> dict[str, Any]:
    here = machine(threads=threads)
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        table, out = Path(folder) / "table.parquet", Path(folder) / "run"
        shared = ("--rows", str(rows), "--epochs", str(epochs), "--threads", str(threads))
        in_a_process("--make", str(table), *shared)
        printed = in_a_process("--train", str(table), "--run", str(out), *shared)
    trained = json.loads(printed.splitlines()[-1])
    encoded = encoded_bytes(rows)
    return {
        "rows": rows,
        "columns": NUMBERS + CATEGORIES + 1,
        "epochs": epochs,
        "peak_gib": trained["peak_bytes"] / GIB,
        "encoded_gib": encoded / GIB,
        "above_gib": (trained["peak_bytes"] - encoded) / GIB,
        "aim_gib": AIM_GIB,
        "seconds": trained["seconds"],
        "metrics": trained["metrics"],
        "machine": here,
    }


def markdown(result: dict[str, Any]) -> str:
    """The figures for people."""
    return (
        "| rows × columns | peak, GiB | encoded tensors, GiB | above them, GiB | aim | seconds |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        f"| {result['rows']:,} × {result['columns']} | {result['peak_gib']:.2f} "
        f"| {result['encoded_gib']:.2f} | {result['above_gib']:.2f} "
        f"| at most {result['aim_gib']:g} | {result['seconds']:.0f} |\n\n"
        f"Measured on: {sentence(result['machine'])}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of training on a large table.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make_table(arguments.make, arguments.rows)
        return
    if arguments.train:
        result = train(arguments.train, arguments.run, arguments.epochs, arguments.threads)
        print(json.dumps(result))
        return
    result = measure(arguments.rows, arguments.epochs, arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result), end="")


if __name__ == "__main__":
    main()
