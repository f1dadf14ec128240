"""W10: `ranvier train` from the start of its process to the report, beside training alone."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.contenders import ROOT, environment
from benchmarks.speed_rows import spread
from benchmarks.startup import command
from benchmarks.workloads import tabular_mlp
from ranvier.core.errors import RanvierError
from ranvier.data.known import get, target_of

ROWS, AIM_SECONDS = 10_000, 2.0


def table(path: Path) -> tuple[str, str]:
    """Write a table of 10,000 rows; its target, and what it is made of."""
    try:
        pl.read_parquet(get("employment:train"))[:ROWS].write_csv(path)
    except RanvierError:
        data = tabular_mlp.load(ROWS)
        columns = {f"x{j}": data.inputs[:, j] for j in range(data.inputs.shape[1])}
        labels = pl.Series([f"class {k}" for k in data.targets])
        pl.DataFrame({**columns, "y": labels}).write_csv(path)
        return "y", "synthetic: the package with employment cannot be had"
    return target_of("employment"), "employment, CSV, 10,000 rows, 16 features"


def once(source: Path, target: str, out: Path) -> tuple[float, float]:
    """Seconds of the process, and of the training inside it."""
    start = time.perf_counter()
    subprocess.run(
        [*command(), "train", str(source), "--target", target, "--out", str(out), "--json"],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - start
    if not (out / "report.html").is_file():
        raise SystemExit(f"{out}: the command left no report, so there is nothing to measure.")
    return seconds, json.loads((out / "summary.json").read_text())["seconds"]


def measure(rounds: int) -> dict[str, Any]:
    """Medians and spread of several runs, after one that fills caches."""
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        source = Path(folder) / "table.csv"
        target, made_of = table(source)
        runs = [once(source, target, Path(folder) / f"run-{k}") for k in range(rounds + 1)][1:]
    return {
        "rows": ROWS,
        "made_of": made_of,
        "process_seconds": spread([process for process, _ in runs]),
        "training_seconds": spread([training for _, training in runs]),
        "beyond_seconds": spread([process - training for process, training in runs]),
        "aim_seconds": AIM_SECONDS,
    }
