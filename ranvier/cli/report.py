"""`ranvier report RUN`: the one offline page of a run, written anew from its files."""

from __future__ import annotations

from pathlib import Path

from ranvier.cli.output import Output


def report(run: Path, /, *, output: Output = Output()) -> None:
    """Write the report of RUN anew from its files and print where it stands.

    Parameters
    ----------
    run
        folder of the run, finished or not
    """
    from ranvier.report import write_report

    path = write_report(run)
    output.document({"run": run, "report": path})
    output.result(str(path))
