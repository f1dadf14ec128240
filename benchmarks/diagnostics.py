"""What looking inside a training costs: ours beside the ways in which people look elsewhere.

    python -m benchmarks.diagnostics [--workloads w1,w2] [--rounds 9] [--cores 2] [--json]
        [--out benchmarks/out]

For each of W1 to W6 a race in turns: Ranvier with everything on (every look, the doctor at every
evaluation, all of it written to disk) and with all looks off; and the plainest PyTorch loop on the
same network with nothing, with TensorBoard's histograms of weights and gradients, with forward
hooks that keep moments of every activation, with histograms of gradients as wandb.watch makes them,
and with rv.Recorder. Each is divided by the same loop with nothing, round by round. What is looked
at before the first update is timed apart, in seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import ROOT, Contender, ours
from benchmarks.machine import machine, sentence
from benchmarks.ours import job_of
from benchmarks.peers.job import Job as Files
from benchmarks.race import Course, Entry, race
from benchmarks.speed import Clock
from benchmarks.watched import LOGGERS
from benchmarks.workloads.diagnostics import NAMES
from benchmarks.workloads.job import write_job
from benchmarks.workloads.registry import WORKLOADS
from benchmarks.workloads.workload import Workload
from ranvier.apps.preflight import preflight

PINS = ROOT / "requirements" / "loggers.txt"
TITLES = {
    "ours": "Ranvier, everything",
    "recorder": "`rv.Recorder`",
    "histograms": "TensorBoard histograms",
    "gradients": "gradient histograms",
    "hooks": "forward hooks",
}
PREFLIGHTS = 3
TOLERANCE = 1e-3


def contenders() -> dict[str, Contender]:
    """Who races, by what is looked at; what each is divided by has nothing to look at."""
    with_all = ours(watched=True)
    # What runs the updates is chosen once, for both.
    with_none = replace(ours(statistics_every=0), shared_cache=with_all.cache)
    loops = {
        name: Contender(f"loop:{name}", name, "benchmarks.watched", {"watch": name})
        for name in ("nothing", "recorder", "histograms", "gradients", "hooks")
    }
    return {"ours": with_all, "ours off": with_none, **loops}


def measure(names: Sequence[str], course: Course) -> list[dict[str, Any]]:
    """A row for each workload."""
    return [_row(WORKLOADS[name], course) for name in names]


def _row(workload: Workload, course: Course) -> dict[str, Any]:
    field = contenders()
    entries = dict(zip(field, race(workload, list(field.values()), course), strict=True))
    row: dict[str, Any] = {"workload": workload.name, "title": workload.title}
    for name in TITLES:
        base = entries["ours off" if name == "ours" else "nothing"]
        row[name] = _cost(entries[name], base)
    steps, loop = entries["nothing"].steps, entries["nothing"].rounds
    row["loop_ms_a_step"] = 1e3 * statistics.median(loop) / steps if loop else None
    row["preflight_seconds"] = _preflight_seconds(workload)
    return row


def _cost(watched: Entry, plain: Entry) -> dict[str, Any]:
    """The ratios of rounds; nothing is compared that did not train alike."""
    failure = watched.failure or plain.failure
    if failure is not None:
        return {"failure": failure}
    ratios = [one / other for one, other in zip(watched.rounds, plain.rounds, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        "median": median,
        "quartile_1": low,
        "quartile_3": high,
        "losses_differ_by": _difference(watched, plain),
    }


def _difference(one: Entry, other: Entry) -> float:
    """Between the losses of the first block, relatively."""
    assert one.first_loss is not None and other.first_loss is not None
    return abs(one.first_loss - other.first_loss) / max(abs(other.first_loss), 1e-12)


def _preflight_seconds(workload: Workload) -> float:
    """The median of a few: rows, network, loss and optimiser, small experiments included."""
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        write_job(workload, Path(folder), epochs=1, seeds=(0,), device="cpu")
        files = Files.read(Path(folder))
        member = files.members[0][0]
        seconds = []
        for _ in range(PREFLIGHTS):
            job = job_of(files, member)
            start = time.perf_counter()
            preflight(job)
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def install_loggers(say: Callable[[str], None]) -> None:
    """TensorBoard's writer in a folder of its own, made when it is first needed or pinned anew."""
    stamp = LOGGERS / f".installed-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]}"
    if stamp.exists():
        return
    say(f"making {LOGGERS.name} from {PINS.relative_to(ROOT)}")
    shutil.rmtree(LOGGERS, ignore_errors=True)
    told = ["install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", *told, "--target", str(LOGGERS), "--requirement", str(PINS)],
        check=True,
    )
    stamp.touch()


def markdown(result: dict[str, Any]) -> str:
    """The table for people."""
    heads = ["workload", "loop, ms a step", *TITLES.values(), "preflight"]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for row in result["workloads"]:
        plain = row["loop_ms_a_step"]
        cells = [row["title"], "–" if plain is None else f"{plain:.3g}"]
        cells += [_cell(row[name]) for name in TITLES]
        lines.append(f"| {' | '.join(cells)} | {row['preflight_seconds']:.2g} s |")
    differ = [
        row[name].get("losses_differ_by", 0.0) for row in result["workloads"] for name in TITLES
    ]
    lines += [
        "",
        "How many times as long an epoch takes as the same training with nothing looked at: median "
        f"and quartiles of {result['rounds']} rounds in turns. Losses of the first epoch differ by "
        f"{max(differ, default=0.0):.1e} at most. Measured on: {sentence(result['machine'])}.",
        "",
    ]
    return "\n".join(lines)


def _cell(cost: dict[str, Any]) -> str:
    if "failure" in cost:
        return str(cost["failure"])
    mark = " (other losses)" if cost["losses_differ_by"] > TOLERANCE else ""
    ends = f"{cost['quartile_1']:.2f}–{cost['quartile_3']:.2f}"
    return f"{cost['median']:.2f} ({ends}){mark}"


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What looking inside costs.")
    parser.add_argument("--workloads", type=lambda text: text.split(","), default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=9, help="at least 2")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(given)
    if unknown := [name for name in arguments.workloads if name not in NAMES]:
        parser.error(f"--workloads {','.join(unknown)}: expected some of {', '.join(NAMES)}")
    if arguments.rounds < 2:
        parser.error(f"--rounds {arguments.rounds}: expected at least 2, to have quartiles of")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    say = Clock()
    install_loggers(say)
    # All of them run in this environment: one PyTorch, one build.
    course = Course(arguments.rounds, "cpu", Path(sys.executable), say, seeds=(0,))
    result = {
        "machine": machine(threads=arguments.cores),
        "rounds": arguments.rounds,
        "workloads": measure(arguments.workloads, course),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "diagnostics.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / "diagnostics.md").write_text(markdown(result))
    print(json.dumps(result) if arguments.json else markdown(result), end="")


if __name__ == "__main__":
    main()
