"""`ranvier data list` and `ranvier data get NAME`: real data sets to train on."""

from __future__ import annotations

import dataclasses
from typing import Any

from cyclopts import App
from rich.table import Table

from ranvier.cli.output import Output
from ranvier.core.cache import cache_root

app = App(name="data", help="List the known real data sets, or get one.")


@app.command(name="list")
def list_data(*, output: Output = Output()) -> None:
    """List the known real data sets: any of them is a SOURCE by its name."""
    from ranvier.data import known

    rows: list[dict[str, Any]] = [
        {
            **dataclasses.asdict(entry),
            "extent": entry.extent,
            "cached": _is_cached(cache_root(), entry.name),
        }
        for entry in known.catalogue()
    ]
    output.document({"data": rows})
    if output.json:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", overflow="fold")
    table.add_column("size", justify="right", overflow="fold")
    for heading in ("task", "comes from", "licence", "here"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        is_installed = row["registry"] == "installed"
        comes_from = row["package"] if is_installed else row["registry"]
        is_here = "yes" if row["cached"] or is_installed else "no"
        words = (row["task"], comes_from, row["license"], is_here)
        table.add_row(row["name"], row["extent"], *words)
    output.result(table)


@app.command
def get(name: str, /, *, output: Output = Output()) -> None:
    """Fetch the data set NAME, unless it is here already, and print its file or folder.

    Parameters
    ----------
    name
        as `ranvier data list` has it; letter:train is a part of letter
    """
    from ranvier.data import known

    path = known.get(name, progress=output.say)
    output.document({"name": name, "path": path})
    output.result(str(path))


def _is_cached(folder: Any, name: str) -> bool:
    # The manifest is written last: where it stands, the data set is whole or will be made anew.
    return (folder / "data" / name / "manifest.json").is_file()
