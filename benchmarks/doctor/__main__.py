"""`python -m benchmarks.doctor`: record what is missing, then judge."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.doctor.cases import HALVES, PROGRAMS_A_HALF, SEEDS, cases
from benchmarks.doctor.faults import FAULTS
from benchmarks.doctor.judge import verdicts
from benchmarks.doctor.programs import PROGRAMS
from benchmarks.doctor.record import record
from benchmarks.doctor.tables import document, markdown, misses
from ranvier.core.errors import suggestion

KNOWN = ["healthy", *PROGRAMS, *FAULTS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.doctor", description="How often the doctor is right."
    )
    parser.add_argument("what", nargs="?", choices=("record", "judge"), help="both, unless said")
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument(
        "--programs", type=int, default=PROGRAMS_A_HALF, help="of each half, for every fault"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that record")
    parser.add_argument(
        "--only", default="", help="programs or faults, or `healthy`, comma between them"
    )
    parser.add_argument("--again", action="store_true", help="record what is kept already, too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/doctor"))
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--misses", action="store_true", help="every run judged wrongly")
    return parser


def main() -> None:
    """Record, judge, or both."""
    arguments = _parser().parse_args()
    only = [name for name in arguments.only.split(",") if name]
    for name in only:
        if name not in KNOWN:
            raise SystemExit(f"No program or fault is called {name!r}. {suggestion(name, KNOWN)}")
    chosen = cases(
        half=None if arguments.half == "all" else arguments.half,
        seeds=arguments.seeds,
        programs=arguments.programs,
        only=only,
    )
    folder = arguments.out / "histories"
    if arguments.what != "judge":
        record(chosen, folder, jobs=arguments.jobs, again=arguments.again)
    if arguments.what == "record":
        return
    found = verdicts(chosen, folder)
    if not found:
        raise SystemExit(f"{folder} holds none of these runs: python -m benchmarks.doctor record")
    figures = document(found)
    (arguments.out / "doctor.json").write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.misses:
        print(*misses(found), sep="\n", end="\n\n")
    print(json.dumps(figures) if arguments.json else markdown(found))


if __name__ == "__main__":
    main()
