"""`ranvier predict RUN SOURCE`: one row of predictions per row of input, in the same order."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ranvier.cli.output import Output
from ranvier.core.errors import ConfigError, suggestion

if TYPE_CHECKING:
    import polars

Write = Callable[["polars.DataFrame", BufferedWriter], Any]

WRITERS: dict[str, Write] = {
    ".arrow": lambda frame, file: frame.write_ipc(file),
    ".csv": lambda frame, file: frame.write_csv(file),
    ".feather": lambda frame, file: frame.write_ipc(file),
    ".json": lambda frame, file: frame.write_json(file),
    ".jsonl": lambda frame, file: frame.write_ndjson(file),
    ".ndjson": lambda frame, file: frame.write_ndjson(file),
    ".parquet": lambda frame, file: frame.write_parquet(file),
    ".tsv": lambda frame, file: frame.write_csv(file, separator="\t"),
}


def predict(
    run: Path,
    source: str,
    /,
    *,
    out: Path | None = None,
    top: Annotated[int | None, Parameter(metavar="N")] = None,
    output: Output = Output(),
) -> None:
    """Predict every row or picture of SOURCE with the network of RUN; as CSV unless told otherwise.

    Parameters
    ----------
    run
        folder of the run
    source
        a file, a folder or a known data set; it need not say the target
    out
        file to write: .csv, .tsv, .json, .jsonl, .parquet, .feather or .arrow
    top
        the likeliest so many classes and their probabilities, instead of all classes'
    """
    write = _writer(out, source) if out is not None else None

    from ranvier import api

    predictions = api.load(run).predict_table(source, top=top)
    if "problem" in predictions:
        unread = predictions.height - predictions["problem"].null_count()
        output.say(
            f"{unread:,} of {predictions.height:,} pictures cannot be read and got no prediction; "
            "the column 'problem' says why"
        )
    document: dict[str, Any] = {"run": run, "source": source, "rows": predictions.height}
    if out is not None and write is not None:
        _replace(out, predictions, write)
        output.document({**document, "out": out})
        output.result(f"{predictions.height:,} predictions in {out}")
    elif output.json:
        output.document({**document, "predictions": predictions.to_dicts()})
    else:
        sys.stdout.write(predictions.write_csv())


def _writer(out: Path, source: str) -> Write:
    suffix = out.suffix.lower()
    if suffix not in WRITERS:
        raise ConfigError(
            f"--out {out}: predictions are not written as {suffix or 'a file without a suffix'!r}. "
            f"{suggestion(suffix, WRITERS)}"
        )
    if out.is_dir():
        raise ConfigError(f"--out {out}: this is a folder; name a file in it.")
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise ConfigError(f"--out {out}: this is the source itself; name another file.")
    return WRITERS[suffix]


def _replace(out: Path, predictions: polars.DataFrame, write: Write) -> None:
    # Written beside and renamed: a full disk leaves an older file of that name as it was.
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            write(predictions, file)
        beside.replace(out)
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot be written ({error.strerror or error}). Name a file in a folder "
            "that exists and that you may write to."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
