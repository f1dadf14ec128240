"""`ranvier verify RUN`: every byte held against what was written, and its resume proved exact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ranvier.cli.output import Output

if TYPE_CHECKING:
    from ranvier.train.replay import Replay


def verify(
    run: Path,
    source: str | None = None,
    /,
    *,
    files_only: Annotated[bool, Parameter(help="look at the files alone, which is quick")] = False,
    output: Output = Output(),
) -> int:
    """Check that every byte of RUN is as it was written, and that its resume is exact.

    The steps between its last two checkpoints are run again and compared bit for bit. Exits 2 if
    a file is damaged and 1 if the steps came out otherwise.

    Parameters
    ----------
    run
        folder of the run
    source
        where its data stands now, if it was moved; refused unless it is the same data
    """
    damaged, replay = _read(run) if files_only else _replay(run, source, output)
    document: dict[str, Any] = {"run": run, "whole": not damaged, "damaged": list(damaged)}
    if replay is not None:
        document["replay"] = {
            "first_step": replay.first_step,
            "last_step": replay.last_step,
            "exact": replay.is_exact,
            "differing": list(replay.differing),
        }
    output.document(document)
    output.result("\n".join([*damaged, *_words(run, damaged, replay)]))
    if damaged:
        return 2
    return 0 if replay is None or replay.is_exact else 1


def _read(run: Path) -> tuple[Sequence[str], None]:
    from ranvier.runs.layout import RunFolder
    from ranvier.runs.verify import damaged_files

    return damaged_files(RunFolder.open(run)), None


def _replay(run: Path, source: str | None, output: Output) -> tuple[Sequence[str], Replay | None]:
    from ranvier import api

    with output.progress() as progress:
        verdict = api.verify(run, source, progress=progress)
    return verdict.damaged, verdict.replay


def _words(run: Path, damaged: Sequence[str], replay: Replay | None) -> list[str]:
    words = [] if damaged else [f"{run}: every file is whole."]
    if replay is not None:
        steps = f"steps {replay.first_step:,} to {replay.last_step:,}, run again"
        if replay.is_exact:
            words.append(f"{steps}, came out the same bit for bit.")
        else:
            words.append(f"{steps}, came out otherwise in {', '.join(replay.differing)}.")
    return words
