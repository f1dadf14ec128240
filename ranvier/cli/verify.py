"""`ranvier verify RUN`: every byte of a run held against what was written."""

from __future__ import annotations

from pathlib import Path

from ranvier.cli.output import Output


def verify(run: Path, /, *, output: Output = Output()) -> int:
    """Check that every byte of RUN is as it was written; exit 2 if one is not.

    Parameters
    ----------
    run
        folder of the run
    """
    from ranvier.runs.layout import RunFolder
    from ranvier.runs.verify import damaged_files

    damaged = damaged_files(RunFolder.open(run))
    output.document({"run": run, "whole": not damaged, "damaged": damaged})
    output.result("\n".join(f"damaged: {line}" for line in damaged) or f"{run}: whole")
    return 2 if damaged else 0
