"""How fast Ranvier trains beside every peer, on the same mathematics, weights and order of rows.

    python -m benchmarks.speed [--workloads w1,w2] [--peers torch-indexed,jax-scan] [--rounds 5]
        [--executors replay,native] [--device auto] [--quick] [--json] [--out benchmarks/out]

W1 to W8 are raced against the peers, W9 is Ranvier with every diagnostic on against itself without,
W10 the command line against the training inside it. What each means, and what makes it fair, is in
benchmarks/README.md. On a machine with a GPU all of it is run there too, for those who can.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import (
    JAX_ONE_BY_ONE,
    PEERS,
    REFERENCE,
    ROOT,
    Contender,
    environment,
    ours,
)
from benchmarks.machine import machine
from benchmarks.options import some_of
from benchmarks.peers_environment import peers_python
from benchmarks.race import Course, race
from benchmarks.speed_chart import chart
from benchmarks.speed_rows import rows_of
from benchmarks.speed_table import page
from benchmarks.workloads import command_line, diagnostics
from benchmarks.workloads.registry import WORKLOADS
from benchmarks.workloads.workload import Workload
from ranvier.core.errors import RanvierError

EVERY = (*WORKLOADS, "w9", "w10")
QUICK = {"workloads": ["w1", "w3", "w10"], "peers": [REFERENCE, "jax-scan"], "rounds": 3}
MEASURED_PACKAGES = (
    "torch",
    "lightning",
    "skorch",
    "fastai",
    "keras",
    "jax",
    "optax",
    "scikit-learn",
)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for; a workload that cannot be had says so and the rest goes on."""
    say = Clock()
    python = peers_python(say)
    devices = ["cpu", *(["cuda"] if _has_gpu(python, arguments.device) else [])]
    if arguments.device == "cuda":
        devices = ["cuda"]
    course = Course(arguments.rounds, "cpu", python, say)
    result: dict[str, Any] = {
        "machine": machine(threads=arguments.cores),
        "peers": _versions(python),
        "rounds": arguments.rounds,
        "seeds": len(course.seeds),
        "peaks": {device: _peak(python, device) for device in devices},
        "races": {device: [] for device in devices},
    }
    for device in devices:
        best = max(result["peaks"][device].values())
        for workload in (WORKLOADS[name] for name in arguments.workloads if name in WORKLOADS):
            contenders = _contenders(arguments, workload, device)
            on_device = replace(course, device=device)
            result["races"][device].append(_raced(workload, contenders, on_device, best))
            _write(result, arguments.out)
    if "w9" in arguments.workloads:
        names = tuple(name for name in diagnostics.NAMES if name in arguments.workloads)
        alone = replace(course, seeds=course.seeds[:1])
        result["diagnostics"] = diagnostics.measure(names or diagnostics.NAMES, alone)
    if "w10" in arguments.workloads:
        say("w10: the command line")
        result["command_line"] = command_line.measure(arguments.rounds)
    say("done")
    return result


def _raced(
    workload: Workload, contenders: Iterable[Contender], course: Course, peak: float
) -> dict[str, Any]:
    found = {
        "name": workload.name,
        "title": workload.title,
        "made_of": workload.made_of,
        "aim": workload.aim,
    }
    try:
        shape = workload.load().inputs.shape[1:]
        entries = race(workload, list(contenders), course)
    except RanvierError as error:  # Its data cannot be had.
        course.say(f"{workload.name}: {error}")
        return found | {"rows": [], "made_of": f"not run: {error}"}
    share = peak if workload.shows_share else None
    return found | {"rows": rows_of(entries, operations=workload.operations(shape), peak=share)}


def _contenders(arguments: argparse.Namespace, workload: Workload, device: str) -> list[Contender]:
    """Ours first; the reference is always there, as quality is judged by it."""
    other = ours(executor="native") if workload.is_sweep else ours(exact=True)
    own = [ours(), other, *(ours(executor=name) for name in arguments.executors)]
    names = [name for name in PEERS if name in arguments.peers or name == REFERENCE]
    peers = [PEERS[name] for name in names]
    if workload.is_sweep and "jax-scan" in names:
        peers.append(JAX_ONE_BY_ONE)
    return own + [peer for peer in peers if device == "cpu" or peer.uses_gpu]


def _peak(python: Path, device: str) -> dict[str, float]:
    told = [str(python), "-m", "benchmarks.peers.matrix_peak", device]
    rates: dict[str, float] = json.loads(_output(told))
    return rates


def _has_gpu(python: Path, device: str) -> bool:
    if device == "cpu":
        return False
    code = "import torch; print(torch.cuda.is_available())"
    return all(
        _output([str(each), "-c", code]).strip() == "True" for each in (python, sys.executable)
    )


def _versions(python: Path) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: found.get(n, 'not installed') for n in sys.argv[1:]}))"
    )
    versions: dict[str, str] = json.loads(_output([str(python), "-c", code, *MEASURED_PACKAGES]))
    return versions


def _output(told: list[str]) -> str:
    return subprocess.run(
        told, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    ).stdout


def _write(result: dict[str, Any], out: Path) -> None:
    """What there is so far, so that a run that is cut off leaves what it found."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "speed.md").write_text(page(result))
    for device, races in result["races"].items():
        (out / f"speed-{device}.svg").write_text(chart(races))


class Clock:
    """Says what happens, and when, on standard error."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        print(f"{minutes:3d}:{seconds:02d}  {text}", file=sys.stderr, flush=True)


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Speed beside every peer.")
    parser.add_argument("--workloads", type=some_of(EVERY), default=list(EVERY))
    parser.add_argument("--peers", type=some_of(PEERS), default=list(PEERS))
    parser.add_argument("--executors", type=lambda text: text.split(","), default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true", help="few workloads, two peers")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(given)
    if arguments.quick:
        vars(arguments).update(QUICK)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    result = measure(arguments)
    _write(result, arguments.out)
    print(json.dumps(result) if arguments.json else page(result), end="")


if __name__ == "__main__":
    main()
