"""One training of ours in a process of its own, and what it took: a line of JSON at the end.

    python -m benchmarks.pictures.ours SOURCE --settings '{"seed": 0, "threads": 2}'

Everything that a user waits for is counted, from the source to the report, but for importing.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import ranvier as rv
from ranvier.train.progress import Silent


class Watch(Silent):
    """Knows when the first epoch began."""

    def __init__(self) -> None:
        self.begun, self.spent = time.perf_counter(), processor_seconds()
        self.seconds_to_start: float | None = None
        self.processor_seconds_to_start: float | None = None

    def start(self, *, epochs: int, steps_per_epoch: int, rows: int) -> None:
        self.seconds_to_start = time.perf_counter() - self.begun
        self.processor_seconds_to_start = processor_seconds() - self.spent


def processor_seconds() -> float:
    """Of this process and the finished ones that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def train(source: str, settings: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        watch = Watch()
        run = rv.train(None, source, out=Path(folder) / "run", progress=watch, **settings)
        return {
            "wall_seconds": time.perf_counter() - watch.begun,
            "processor_seconds": processor_seconds() - watch.spent,
            "seconds_to_start": watch.seconds_to_start,
            "processor_seconds_to_start": watch.processor_seconds_to_start,
            "epochs": len(run.history.epochs),
            "parameters": sum(weight.numel() for weight in run.model.parameters()),
            "metrics": {part: dict(scores) for part, scores in run.metrics.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--settings", type=json.loads, default={})
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.source, arguments.settings)))


if __name__ == "__main__":
    main()
