"""Recognising pictures, measured: networks of the same time, few pictures, and many.

    python -m benchmarks.pictures [table,few,many] [--contests mnist,fashion-mnist]
        [--only ranvier,keras] [--seeds 3] [--seconds 600] [--threads 2] [--again] [--json]

Every finished training of the table is appended to OUT/pictures.jsonl at once and not made again,
so a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, sentence
from benchmarks.options import some_of
from benchmarks.pictures import few, many, race, table
from benchmarks.pictures.contests import CONTESTS, TITLES

Rows = list[dict[str, Any]]


# What measures a part, and what makes its table.
PARTS: dict[str, tuple[Callable[[argparse.Namespace], Rows], Callable[[Rows], str]]] = {
    "table": (lambda told: table.summarise(race.race(told)), table.markdown),
    "few": (lambda told: few.measure(told.threads), few.markdown),
    "many": (lambda told: many.measure(told.pictures, told.threads), many.markdown),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pictures", description="How well pictures are recognised."
    )
    parser.add_argument(
        "parts", nargs="?", type=some_of(PARTS), default=list(PARTS), help="all, unless said"
    )
    parser.add_argument("--contests", type=some_of(CONTESTS), default=list(CONTESTS))
    parser.add_argument("--only", type=some_of(TITLES), default=list(TITLES))
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 up")
    parser.add_argument("--seconds", type=float, help="processor seconds of the others, not ours'")
    parser.add_argument("--pictures", type=int, default=many.PICTURES, help="of `many`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="train what was trained before")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    here, found = machine(threads=arguments.threads), {}
    for part in arguments.parts:
        measure, markdown = PARTS[part]
        found[part] = measure(arguments)
        document = {"rows": found[part], "machine": here}
        (arguments.out / f"pictures-{part}.json").write_text(json.dumps(document, indent=1) + "\n")
        text = f"{markdown(found[part])}\nMeasured on: {sentence(here)}.\n"
        (arguments.out / f"pictures-{part}.md").write_text(text)
        if not arguments.json:
            print(text)
    if arguments.json:
        print(json.dumps({**found, "machine": here}))


if __name__ == "__main__":
    main()
