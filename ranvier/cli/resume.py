"""`ranvier resume RUN`: the rest of a run that was stopped, bit for bit what it would have been."""

from __future__ import annotations

from pathlib import Path

from ranvier.cli.output import Output
from ranvier.cli.results import show_run


def resume(
    run: Path,
    source: str | None = None,
    /,
    *,
    output: Output = Output(),
) -> None:
    """Go on with RUN exactly where it stopped.

    Parameters
    ----------
    run
        folder of the run
    source
        where its data stands now, if it was moved; refused unless it is the same data
    """
    from ranvier import api

    with output.progress() as progress:
        resumed = api.resume(run, source, progress=progress)
    show_run(resumed, output)
