"""How soon `ranvier --help` is there, and that no torch is imported on the way.

python -m benchmarks.startup [--repeats 15] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, sentence

AIM_SECONDS = 0.3
HEAVY = ("torch", "sklearn", "pandas", "scipy", "polars")


def command() -> list[str]:
    """The installed command beside this interpreter, or the package run as a module."""
    installed = shutil.which("ranvier", path=str(Path(sys.executable).parent))
    return [installed] if installed else [sys.executable, "-m", "ranvier"]


def seconds_to_help() -> float:
    start = time.perf_counter()
    done = subprocess.run([*command(), "--help"], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if "train" not in done.stdout:
        raise SystemExit(f"{' '.join(command())} --help printed no help: {done.stdout!r}")
    return seconds


def imported() -> list[str]:
    """The heavy packages that `--help` imports, read from Python's own trace of imports."""
    traced = [sys.executable, "-X", "importtime", "-m", "ranvier", "--help"]
    done = subprocess.run(traced, check=True, capture_output=True, text=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    if "ranvier.cli" not in names:
        raise SystemExit("The trace of imports does not hold Ranvier's own: it proves nothing.")
    return [name for name in HEAVY if name in names]


def measure(repeats: int) -> dict[str, Any]:
    here = machine(threads=1)
    seconds_to_help()  # The first start writes and reads caches of compiled modules.
    seconds = [seconds_to_help() for _ in range(repeats)]
    return {
        "seconds": {
            "median": statistics.median(seconds),
            "fastest": min(seconds),
            "slowest": max(seconds),
        },
        "repeats": repeats,
        "aim_seconds": AIM_SECONDS,
        "heavy_imports": imported(),
        "machine": here,
    }


def markdown(result: dict[str, Any]) -> str:
    """The figures for people."""
    seconds = result["seconds"]
    heavy = ", ".join(result["heavy_imports"]) or "none"
    return (
        "| `ranvier --help`, seconds | fastest–slowest | aim | heavy imports |\n"
        "| --- | --- | --- | --- |\n"
        f"| {seconds['median']:.3f} | {seconds['fastest']:.3f}–{seconds['slowest']:.3f} "
        f"| under {result['aim_seconds']} | {heavy} |\n\n"
        f"Median of {result['repeats']}. Measured on: {sentence(result['machine'])}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon the command line answers.")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args()
    result = measure(arguments.repeats)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "startup.json").write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result), end="")


if __name__ == "__main__":
    main()
