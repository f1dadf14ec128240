"""What the command line shows of a run that is done: its metrics, its findings, its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ranvier.cli.numbers import duration
from ranvier.cli.output import Output
from ranvier.core.finding import grouped
from ranvier.report.words import headlines, score

if TYPE_CHECKING:
    from ranvier.api import Run

Metrics = Mapping[str, Mapping[str, float | None]]

SPLITS = ("train", "validation", "test")


def show_run(run: Run, output: Output, *, told: bool = False) -> None:
    """Print the end of a training: metrics by split beside the baseline, findings, report.

    `told` says that the findings were printed when they were made.
    """
    report = run.report()
    summary = run.summary
    output.document({"run": run.path, **summary, "report": report})
    words = output.words()
    if not output.quiet:
        baseline = summary.get("baseline", {}).get("test", {})
        words.print(
            metrics_table(run.metrics, baseline=baseline, primary=summary.get("primary_metric"))
        )
        say_more(words, run.metrics, "the report has them all")
        for finding in () if told else grouped(run.findings):
            words.print(str(finding), soft_wrap=not words.is_terminal)
        words.print(_story(summary))
        if summary.get("interventions"):
            words.print(_healed(summary["interventions"]), soft_wrap=True)
        words.print(f"report  {report}", soft_wrap=True)
        words.print(f"run     {run.path}", soft_wrap=True)
    elif not output.json:
        output.result(str(run.path))


def metrics_table(
    metrics: Metrics,
    *,
    baseline: Mapping[str, float | None] | None = None,
    primary: str | None = None,
) -> Table:
    """A row per headline metric, the primary one first, and a column per split that has any."""
    splits = [split for split in SPLITS if metrics.get(split)]
    names, _ = headlines(_names(metrics), primary=primary)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True)
    if baseline:
        table.add_column("test baseline", justify="right")
    for name in names:
        cells = [_cell(metrics[split].get(name), name) for split in splits]
        if baseline:
            cells.append(_cell(baseline.get(name), name))
        table.add_row(name, *cells, style="bold" if name == primary else None)
    return table


def _cell(value: float | None, name: str) -> str:
    return "nan" if value is not None and math.isnan(value) else score(value, name)


def say_more(words: Console, metrics: Metrics, where: str) -> None:
    """Say that there are more metrics than were shown, and where."""
    _, rest = headlines(_names(metrics), primary=None)
    if rest:
        words.print(f"and {len(rest)} more metrics: {where}")


def _names(metrics: Metrics) -> list[str]:
    return list(dict.fromkeys(name for split in SPLITS for name in metrics.get(split) or ()))


def _healed(interventions: Sequence[Mapping[str, Any]]) -> str:
    kept = [str(each["cure"]) for each in interventions if each["outcome"] == "helped"]
    words = f": {', '.join(kept)}" if kept else ""
    return f"healed  {len(kept)} of {len(interventions)} cures helped and were kept{words}"


def _story(summary: Mapping[str, Any]) -> str:
    parts = []
    if summary.get("status"):
        parts.append(str(summary["status"]))
    if summary.get("epochs") is not None:
        parts.append(f"{summary['epochs']} epochs, the best {summary.get('best_epoch')}")
    if summary.get("seconds") is not None:
        parts.append(duration(summary["seconds"]))
    if summary.get("parameters") is not None:
        parts.append(f"{summary['parameters']:,} parameters")
    return " · ".join(parts)
