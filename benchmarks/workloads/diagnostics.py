"""W9: W1 to W6 with every look inside, against themselves with none."""

from __future__ import annotations

from dataclasses import replace
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
        with_all = ours()
        # What runs the updates is chosen once, for both.
        with_none = replace(ours(statistics_every=0), shared_cache=with_all.cache)
        on, off = race(workload, (with_all, with_none), course)
        failure = on.failure or off.failure
        row: dict[str, Any] = {"workload": name, "title": workload.title, "status": failure or "ok"}
        if failure is None:
            row["ratio"] = ratio(on.rounds, off.rounds)
        rows.append(row)
    return rows
