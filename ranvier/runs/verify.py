"""Whether a run's files are the files that were written. Opens no torch, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ranvier.core.errors import DamagedError, RunError
from ranvier.runs.checkpoints import check, checkpoint_path, steps
from ranvier.runs.documents import read_document
from ranvier.runs.durable import published
from ranvier.runs.events import check_closed, check_events, check_position
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import check_model
from ranvier.runs.seal import check_report


def damaged_files(run: RunFolder) -> list[str]:
    """A sentence for each file of `run` that is damaged or missing; an empty list if it is whole.

    A run that is done (it has a summary) must have its model, its report and the end of its
    events too: where the summary says (`events`, what the writer's `close` gave), else at the end
    of the newest segment. Files that are not a run's are not looked at.
    """
    return list(dict.fromkeys(_problems(run)))


def _problems(run: RunFolder) -> Iterator[str]:
    ended = run.summary.exists()
    yield from _problem(read_document, run.run)
    if ended:
        yield from _problem(_check_end, run)
    done = ended and not _diverged(run)
    if run.network.exists() or (published(run.model) / run.network.name).exists():
        yield from _problem(read_document, run.network)
    if done or published(run.model).exists():
        yield from _problem(check_model, run)
    if done or run.report.exists():
        yield from _problem(check_report, run.report)
    yield from check_events(run.events)
    for step in steps(run.checkpoints):
        yield from _problem(_check_checkpoint, run, step)


def _diverged(run: RunFolder) -> bool:
    """Whether the run ended without a model, as its summary says."""
    try:
        return read_document(run.summary).get("status") == "diverged"
    except RunError:
        return False


def _problem(look: Callable[..., Any], *arguments: Any) -> Iterator[str]:
    try:
        look(*arguments)
    except RunError as error:
        yield str(error)


def _check_checkpoint(run: RunFolder, step: int) -> None:
    """A checkpoint is whole, and the events reach to where it says (`events` in its document)."""
    try:
        place = check(run.checkpoints, step).get("events")
    except RunError:
        if step not in steps(run.checkpoints):  # pruned while it was read
            return
        raise
    if place is None:
        return
    try:
        check_position(run.events, place)
    except DamagedError as error:
        path = checkpoint_path(run.checkpoints, step)
        raise DamagedError(f"{error} ({path} goes on from there.)") from error


def _check_end(run: RunFolder) -> None:
    """The summary is whole, and so is the end of the events that it sums up."""
    place = read_document(run.summary).get("events")
    if place is None:
        check_closed(run.events)
    else:
        check_position(run.events, place)
