"""`python -m benchmarks.doctor.repairs`: how often `heal` mends a training, and random search.

A fault is put into the arguments or the network of a healthy training. The spoilt training is run
as it is, then with `heal=True`; then settings are drawn at random until as many epochs are trained
as all attempts of the healing took, and the draw with the least validation loss is kept. The
healthy twin, with the same seed and rows, says what was to be had.

**Repaired** is a training whose accuracy or R² on the test rows comes within 2 points of the
twin's. It is counted over the runs that a fault harmed, by more than those 2 points. **Gain** is
what a way of repair adds to the score of the spoilt training, in points.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ranvier as rv
from benchmarks.doctor.cases import HALVES, SEEDS
from benchmarks.doctor.interval import wilson
from benchmarks.doctor.random_search import drawn
from benchmarks.doctor.repair_cases import Case, Setup, cases, table
from ranvier.core.errors import RanvierError

POINTS = 0.02
Result = dict[str, Any]


def score_of(run: rv.Run, split: str = "test") -> float:
    """Accuracy, or R² of at least −1."""
    metrics = run.metrics.get(split, {})
    value = metrics.get("accuracy", metrics.get("r2", -1.0))
    return max(-1.0, float(value)) if np.isfinite(value) else -1.0


def trained(setup: Setup, seed: int, out: Path, **settings: Any) -> rv.Run | None:
    """The training, or None if it ends in an error."""
    asked = {"seed": seed, "threads": 1, "statistics_every": 8, **setup.settings, **settings}
    try:
        return rv.train(setup.network(), table(setup.table), out=out, **asked)
    except RanvierError:
        return None


def measured(case: Case) -> Result:
    """The scores of twin, spoilt, healed and random search, and what was tried."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        twin = trained(case.twin, case.seed, path / "twin", preflight=False)
        spoilt = trained(case.spoilt, case.seed, path / "spoilt", preflight=False)
        healed = trained(case.spoilt, case.seed, path / "healed", heal=True)
        assert twin is not None, case.healthy
        story = {} if healed is None else healed.summary
        asked = int(case.spoilt.settings["epochs"])
        budget = int(story.get("epochs_of_attempts", asked))
        found = search(case, budget, path)
        return {
            "name": case.name,
            "seed": case.seed,
            "half": case.half,
            "fault": case.fault,
            "twin": score_of(twin),
            "spoilt": -1.0 if spoilt is None else score_of(spoilt),
            "healed": -1.0 if healed is None else score_of(healed),
            "random": found,
            "epochs": budget,
            "cures": [
                f"{each['cure']} {each['outcome']}" for each in story.get("interventions", ())
            ],
            "findings": [
                f["symptom"] for f in story.get("findings", ()) if f["severity"] == "error"
            ],
        }


def search(case: Case, budget: int, folder: Path) -> float:
    """The score of the draw that is best on validation rows, after `budget` epochs in all."""
    random = np.random.default_rng(case.seed)
    # A draw is trained as long as the twin is: one epoch says nothing of it.
    each = int(case.twin.settings["epochs"])
    best, found, left, number = np.inf, -1.0, max(budget, 1), 0
    while left > 0:
        setup = drawn(case.spoilt, random, min(each, left))
        run = trained(setup, case.seed, folder / f"draw-{number}", preflight=False)
        left, number = left - min(each, left), number + 1
        if run is None:
            continue
        losses = [epoch["validation"]["loss"] for epoch in run.history.epochs]
        least = min((loss for loss in losses if loss is not None), default=np.inf)
        if least < best:
            best, found = least, score_of(run)
    return found


def is_harmed(result: Result) -> bool:
    """Whether the fault cost more than the points that count."""
    return bool(result["spoilt"] < result["twin"] - POINTS)


def is_repaired(result: Result, way: str) -> bool:
    """Whether the way of repair came within the points of the twin."""
    return bool(result[way] >= result["twin"] - POINTS)


def table_of(results: list[Result]) -> Iterator[str]:
    """Markdown: repair rates with their intervals, mean gains, by half and by fault."""
    for half in (*HALVES, "both halves"):
        chosen = [r for r in results if r["half"] == half or half == "both halves"]
        if not chosen:
            continue
        harmed = [r for r in chosen if is_harmed(r)]
        yield f"**{half}**: {len(harmed)} of {len(chosen)} runs harmed"
        yield ""
        yield "| way | repaired | rate | 95 % interval | mean gain in points |"
        yield "| --- | --- | --- | --- | --- |"
        for way in ("healed", "random"):
            yield _row(way, harmed)
        yield ""
    yield "| fault | harmed | healed | random search |"
    yield "| --- | --- | --- | --- |"
    for fault in dict.fromkeys(result["fault"] for result in results):
        harmed = [r for r in results if r["fault"] == fault and is_harmed(r)]
        counts = [sum(is_repaired(r, way) for r in harmed) for way in ("healed", "random")]
        yield f"| {fault.replace('_', ' ')} | {len(harmed)} | {counts[0]} | {counts[1]} |"


def _row(way: str, harmed: list[Result]) -> str:
    count, total = sum(is_repaired(r, way) for r in harmed), len(harmed)
    low, high = wilson(count, total)
    gain = 100 * float(np.mean([r[way] - r["spoilt"] for r in harmed])) if harmed else 0.0
    rate = 100 * count / total if total else 0.0
    return (
        f"| {way} | {count} of {total} | {rate:.1f} % | {100 * low:.1f} to {100 * high:.1f} % "
        f"| {gain:+.1f} |"
    )


def kept(path: Path) -> list[Result]:
    """The results that are written already."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(chosen: Iterable[Case], path: Path, *, say: Callable[[str], None]) -> list[Result]:
    """Measure what is not kept yet, each written as soon as it is known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    results = {(result["name"], result["seed"]): result for result in kept(path)}
    wanted = list(chosen)
    for number, case in enumerate(wanted, 1):
        key = (case.name, case.seed)
        if key in results:
            continue
        results[key] = result = measured(case)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        scores = " ".join(f"{w} {result[w]:.3f}" for w in ("twin", "spoilt", "healed", "random"))
        say(f"{number}/{len(wanted)} {case.name}, seed {case.seed}: {scores} {result['cures']}")
    return [results[key] for case in wanted if (key := (case.name, case.seed)) in results]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.doctor.repairs", description="How often heal mends a training."
    )
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", default="", help="a part of the names")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/doctor/repairs.jsonl"))
    parser.add_argument("--json", action="store_true", help="every result as JSON")
    arguments = parser.parse_args()
    chosen = [
        case
        for case in cases(arguments.seeds)
        if arguments.half in ("all", case.half) and arguments.only in case.name
    ]
    results = measure(chosen, arguments.out, say=lambda line: print(line, flush=True))
    print(json.dumps(results) if arguments.json else "\n".join(table_of(results)))


if __name__ == "__main__":
    main()
