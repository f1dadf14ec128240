"""States to go on from: `step-N` folders that appear whole or not at all.

A checkpoint is `tensors.safetensors` and `checkpoint.json`, which holds the digest of every
tensor and whatever else must come back (counters, random state, the place in the events), so that
one cannot be paired with another's tensors. Only the one writer of a run saves and prunes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.durable import (
    REPLACED,
    discard_folder,
    new_folder,
    published,
    read_published,
    sweep,
)
from ranvier.runs.tensors import check_tensors, read_tensors, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

_NAME = re.compile(rf"step-(\d+)(?:{re.escape(REPLACED)})?")
_TENSORS = "tensors.safetensors"
_DOCUMENT = "checkpoint.json"


def checkpoint_path(folder: Path, step: int) -> Path:
    """The folder of the checkpoint of `step`."""
    return published(folder / f"step-{step}")


def steps(folder: str | Path) -> list[int]:
    """The steps that have a checkpoint, oldest first."""
    try:
        names = [entry.name for entry in Path(folder).iterdir()]
    except FileNotFoundError:
        return []
    return sorted({int(match[1]) for name in names if (match := _NAME.fullmatch(name))})


def save(
    folder: str | Path, step: int, tensors: Mapping[str, Tensor], document: Mapping[str, Any]
) -> Path:
    """Keep `tensors` and `document` as the checkpoint of `step`; on disk once this returns.

    Raises:
        RunError: the disk is full, or the place may not be written; what was there is untouched.
    """
    folder = Path(folder)
    sweep(folder)
    path = folder / f"step-{step}"
    with new_folder(path) as building:
        digests = write_tensors(building / _TENSORS, tensors)
        write_document(
            building / _DOCUMENT, {"step": step, "document": document, "tensors": digests}
        )
    return path


def load(
    folder: str | Path, step: int | None = None
) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    """The checkpoint of `step`, or the newest: (step, tensors, document).

    Raises:
        RunError: there is none.
        DamagedError: it is damaged. Another is never taken in its stead unasked, because the run
            would go on from a place that nobody chose; the message names the one that is whole.
        FormatError: a newer Ranvier wrote it.
    """
    folder = Path(folder)
    while True:
        known = steps(folder)
        wanted = step if step is not None else max(known, default=None)
        if wanted is None or wanted not in known:
            raise RunError(_absent(folder, step, known))
        try:
            return read_published(folder / f"step-{wanted}", partial(_load, step=wanted))
        except FormatError:
            raise
        except RunError as error:
            if wanted in steps(folder):
                raise DamagedError(f"{error} {_mend(folder, wanted)}") from error
            # It was pruned while it was read: look again.


def _load(path: Path, *, step: int) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    digests, document = _read(path, step)
    return step, read_tensors(path / _TENSORS, digests), document


def _read(path: Path, step: int) -> tuple[dict[str, str], dict[str, Any]]:
    content = read_document(path / _DOCUMENT)
    if content.get("step") != step:
        raise DamagedError(
            f"{path}: this checkpoint is of step {content.get('step')}; the folder was renamed."
        )
    digests, document = content.get("tensors"), content.get("document")
    if not isinstance(digests, dict) or not isinstance(document, dict):
        raise DamagedError(f"{path / _DOCUMENT}: this is not the document of a checkpoint.")
    return digests, document


def check(folder: Path, step: int) -> dict[str, Any]:
    """The document of the checkpoint of `step`, raising as `load` does, without torch."""
    path = checkpoint_path(folder, step)
    digests, document = _read(path, step)
    check_tensors(path / _TENSORS, digests)
    return document


def _absent(folder: Path, step: int | None, known: list[int]) -> str:
    if not known:
        return f"{folder}: there is no checkpoint. The run stopped before its first; train again."
    listed = ", ".join(map(str, known))
    return f"{folder}: there is no checkpoint of step {step}. There are those of step {listed}."


def _mend(folder: Path, damaged: int) -> str:
    for older in reversed([step for step in steps(folder) if step < damaged]):
        try:
            check(folder, older)
        except RunError:
            continue
        path = checkpoint_path(folder, damaged)
        return f"The checkpoint of step {older} is whole: delete {path} to go on from it."
    return "No older checkpoint is whole."


def prune(folder: str | Path, keep: int = 2, *, held: Collection[int] = ()) -> None:
    """Delete all checkpoints but the `keep` newest and those that are `held`."""
    folder = Path(folder)
    for step in steps(folder)[: -keep or None]:
        if step in held:
            continue
        discard_folder(folder / f"step-{step}")
        discard_folder(folder / f"step-{step}{REPLACED}")
