"""`ranvier train SOURCE`: from raw data to a trained network and its report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ranvier.cli.networks import read_network
from ranvier.cli.options import given_settings, options_of
from ranvier.cli.output import Output
from ranvier.cli.results import show_run
from ranvier.runs.settings import TrainSettings

if TYPE_CHECKING:
    TrainOptions = Any  # made below from the schema, which a type checker cannot follow
else:
    TrainOptions = options_of(TrainSettings)

NOTHING_GIVEN: TrainOptions = TrainOptions()


def train(
    source: str,
    /,
    *,
    out: Path | None = None,
    config: Path | None = None,
    assignments: Annotated[tuple[str, ...], Parameter(name="--set", metavar="KEY=VALUE")] = (),
    options: TrainOptions = NOTHING_GIVEN,
    output: Output = Output(),
) -> None:
    """Train a network on SOURCE, end to end, and write a report.

    Whatever is not said is chosen from the data, and the choice is printed with its reason.

    Parameters
    ----------
    source
        a table (CSV, TSV, JSON lines, Parquet, Feather, Excel), a folder of pictures with a folder
        for each class, pictures as arrays (IDX, npz), or the name of a known data set
    out
        folder of the run; the next free one under runs/ if left out
    config
        TOML or JSON file of settings; options go before it
    assignments
        any setting by name, as in optimizer.momentum=0.9; may be repeated
    """
    settings = given_settings(TrainSettings, options, config=config, assignments=assignments)
    path = settings.pop("network", None)
    network = read_network(path) if path is not None else None
    command = shlex.join(["ranvier", *sys.argv[1:]])

    from ranvier import api

    with output.progress() as progress:
        run = api.train(network, source, out=out, progress=progress, command=command, **settings)
    show_run(run, output, told=True)
