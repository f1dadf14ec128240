"""Proof that a resume is exact: the steps between two checkpoints, run again bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ranvier.runs import checkpoints
from ranvier.train.healing.store import BEGINS, DIVERGED, LEDGER, trainings
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Progress
from ranvier.train.store import ANY_NUMBER, Checkpoint, Cursor

# What the clock says, and where records stand in files that a replay does not write.
_NOT_COMPARED = ("seconds", "events", LEDGER, BEGINS)


@dataclass(frozen=True)
class Replay:
    """What came of running from one checkpoint to the next: the names of what differs."""

    first_step: int
    last_step: int
    differing: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return not self.differing


class _Reached(Exception):
    """The replay came to the place of the later checkpoint."""


class _Target:
    """A store that wants one place only, keeps what it is given there, and ends the replay."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.tensors: dict[str, Tensor] = {}
        self.document: dict[str, Any] = {}

    def due(self, cursor: Cursor) -> bool:
        return cursor == self.cursor

    def most_steps(self, cursor: Cursor) -> int:
        ahead = self.cursor.step - cursor.step
        return ahead if ahead > 0 else ANY_NUMBER

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        if cursor == self.cursor:
            self.tensors = {name: tensor.clone() for name, tensor in tensors.items()}
            self.document = document
            raise _Reached

    def before(self, step: int) -> Checkpoint | None:
        return None


def replay(job: Job, folder: Path, *, progress: Progress) -> Replay | None:
    """Run from the older to the newer of a run's last two checkpoints; None where there is but one.

    In a run that heals itself both are of the training that `job` is.
    """
    known = checkpoints.steps(folder)
    if len(known) < 2:
        return None
    _, wanted, wanted_document = checkpoints.load(folder, known[-1])
    before = _before(folder, known[:-1], wanted_document)
    if before is None:
        return None
    tensors, document = before
    first, last = document["cursor"]["step"], wanted_document["cursor"]["step"]
    target = _Target(Cursor(**wanted_document["cursor"]))
    settings = job.settings
    with machine(job.device, threads=settings.threads or 1, seed=settings.seed):
        trainer = job.trainer(MemoryJournal(), target, progress)
        trainer.load(tensors, document)
        try:
            trainer.run()
        except _Reached:
            differing = _differing(target.tensors, wanted)
            differing += _differing_words(target.document, wanted_document)
        else:
            differing = [f"the end, which came before step {last}"]
    return Replay(first, last, tuple(differing))


def _before(folder: Path, older: list[int], wanted: Mapping[str, Any]) -> Checkpoint | None:
    """The newest checkpoint of the same training that is before the place of `wanted`."""
    if wanted["finished"] == DIVERGED:  # its best weights were taken, and nothing was run
        return None
    same = trainings(wanted)
    for number in reversed(older):
        _, tensors, document = checkpoints.load(folder, number)
        is_before = document["cursor"]["step"] < wanted["cursor"]["step"]
        if LEDGER not in document or (is_before and max(trainings(document)) in same):
            return tensors, document
    return None


def _differing(came: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    names = sorted(came.keys() | wanted.keys())
    return [
        name
        for name in names
        if name not in came or name not in wanted or not _same_bits(came[name], wanted[name])
    ]


def _same_bits(one: Tensor, other: Tensor) -> bool:
    one, other = one.detach().cpu().contiguous(), other.detach().cpu().contiguous()
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    # As bytes: a NaN equals itself here, and −0 differs from 0.
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _differing_words(came: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    names = sorted((came.keys() | wanted.keys()) - set(_NOT_COMPARED))
    return [name for name in names if came.get(name) != wanted.get(name)]
