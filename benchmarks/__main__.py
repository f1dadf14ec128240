"""Every benchmark, one after another: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import sys

from benchmarks import diagnostics, memory, overhead, speed, startup, tables
from benchmarks.pictures import __main__ as pictures


def main() -> None:
    if sys.argv[1:]:
        sys.exit("python -m benchmarks takes no options; each benchmark has: see benchmarks/README")
    for benchmark in (startup, overhead, memory, tables, pictures, speed, diagnostics):
        name = benchmark.__name__.removeprefix("benchmarks.").removesuffix(".__main__")
        print(f"## {name}\n", flush=True)
        benchmark.main()
        print(flush=True)


if __name__ == "__main__":
    main()
