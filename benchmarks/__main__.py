"""Every benchmark, one after another: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import sys

from benchmarks import diagnostics, memory, overhead, speed, startup, tables


def main() -> None:
    if sys.argv[1:]:
        sys.exit("python -m benchmarks takes no options; each benchmark has: see benchmarks/README")
    for benchmark in (startup, overhead, memory, tables, speed, diagnostics):
        print(f"## {benchmark.__name__.removeprefix('benchmarks.')}\n", flush=True)
        benchmark.main()
        print(flush=True)


if __name__ == "__main__":
    main()
