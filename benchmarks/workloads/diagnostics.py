"""W9: W1 to W6 with every look inside, against themselves with none."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import ours
from benchmarks.race import Course, race
from benchmarks.speed_rows import ratio
from benchmarks.workloads.registry import WORKLOADS

NAMES = ("w1", "w2", "w3", "w4", "w5", "w6")


def measure(names: tuple[str, ...], course: Course) -> list[dict[str, Any]]:
    """A row for each workload: the time with everything on over that with it off."""
    rows = []
    for name in names:
        workload = WORKLOADS[name]
        on, off = race(workload, (ours(), ours(statistics_every=0)), course)
        failure = on.failure or off.failure
        row: dict[str, Any] = {"workload": name, "title": workload.title, "status": failure or "ok"}
        if failure is None:
            row["ratio"] = ratio(on.rounds, off.rounds)
        rows.append(row)
    return rows
