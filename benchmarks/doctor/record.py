"""Runs the suite's programs and keeps what the recorder wrote, one file a run."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.doctor.cases import Case
from benchmarks.doctor.program import run
from benchmarks.doctor.programs import PROGRAMS


def record(cases: Sequence[Case], folder: Path, *, jobs: int, again: bool) -> None:
    """Run those of the cases, and of their twins, that are not kept yet, or all of them again."""
    wanted = list(dict.fromkeys([*(case.twin for case in cases), *cases]))
    if again:  # forgotten at once, so that one who stops here can go on without
        for case in wanted:
            case.path(folder).unlink(missing_ok=True)
    waiting = [case for case in wanted if not case.path(folder).exists()]
    if not waiting:
        return
    # A fork would inherit torch's threads in whatever state they are in.
    spawned = multiprocessing.get_context("spawn")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip
    with bar, ProcessPoolExecutor(jobs, spawned, initializer=_alone) as pool:
        task = bar.add_task("recording", total=len(waiting))
        runs = [pool.submit(keep, case, folder) for case in waiting]
        for done in as_completed(runs):
            for line in done.result():
                bar.console.print(line, markup=False, highlight=False)
            bar.advance(task)


def _alone() -> None:
    torch.set_num_threads(1)
    # What torch warns of (a target of another shape) is part of some faults.
    warnings.simplefilter("ignore")


def keep(case: Case, folder: Path) -> list[str]:
    """Run a case and write its history; what somebody should know of comes back as lines."""
    start = time.perf_counter()
    recording = run(case.spoilt(), case.seed)
    head = {
        "kind": "case",
        "program": case.program,
        "fault": case.fault,
        "seed": case.seed,
        "score": recording.score,
        "seconds": round(time.perf_counter() - start, 3),
        "error": recording.error,
        "crash": recording.crash,
        "notes": [f"{r['what']}: {r['text']}" for r in recording.records if r["kind"] == "note"],
    }
    path = case.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    with gzip.open(beside, "wt", encoding="utf-8", compresslevel=5) as file:
        file.writelines(json.dumps(each) + "\n" for each in (head, *recording.records))
    beside.replace(path)
    return list(_notes(case, head))


def _notes(case: Case, head: dict[str, Any]) -> list[str]:
    what = f"{case.program} {case.fault or 'healthy'} seed {case.seed}"
    notes = []
    if head["crash"] is not None:
        notes.append(f"{what}: the recorder crashed: {head['crash']}")
    if case.fault is None and head["notes"]:
        notes.append(f"{what}: the recorder noted {head['notes'][0]}")
    good = PROGRAMS[case.program].good
    if case.fault is None and head["error"] is not None:
        notes.append(f"{what}: ended with {head['error']}")
    if case.fault is None and not head["score"] >= good:
        notes.append(f"{what}: score {head['score']:.3f} is below {good}, so it is not healthy")
    return notes


def kept(case: Case, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """What a run was and came to, and its records; None if it was not run yet."""
    path = case.path(folder)
    if not path.exists():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head, *records = map(json.loads, file)
    return head, records
