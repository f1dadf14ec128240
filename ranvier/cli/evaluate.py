"""`ranvier evaluate RUN SOURCE`: a trained network's metrics on rows it was not given."""

from __future__ import annotations

from pathlib import Path

from ranvier.cli.output import Output
from ranvier.cli.results import metrics_table, say_more


def evaluate(run: Path, source: str, /, *, output: Output = Output()) -> None:
    """Measure the network of RUN on the rows or pictures of SOURCE.

    Parameters
    ----------
    run
        folder of the run
    source
        a file, a folder or a known data set that says the target
    """
    from ranvier import api

    metrics = {"test": api.load(run).evaluate(source)}
    output.document({"run": run, "source": source, "metrics": metrics})
    output.result(metrics_table(metrics))
    if not output.json:
        say_more(output.words(), metrics, "--json gives them all")
