"""The other end of a contender: a process that stays alive, takes its turn, and answers in JSON.

    python -m benchmarks.peers.child MODULE

A line that comes in is a command, a line that goes out its answer. Whatever a framework prints goes
to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.peers import memory, quality
from benchmarks.peers.job import Job, Learner, Member

EVALUATION_ROWS = 1000


class Contestant:
    """One contender's trainings, command by command."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.held_at_first = memory.start_peak_anew()
        self.options: dict[str, Any] = {}
        self.members: tuple[Member, ...] = ()
        self.orders: list[np.ndarray] = []
        self.learners: list[Learner] = []
        self.epoch = 0

    def prepare(self, folder: str, options: dict[str, Any]) -> dict[str, Any]:
        """Read the job; whether this contender can take it."""
        self.job = Job.read(Path(folder))
        self.options = options
        self.job.inputs, self.job.targets  # noqa: B018 -- read now, so that no training waits
        refusal = getattr(self.module, "refusal", None)
        return {"refused": refusal(self.job) if refusal else None}

    def first_step(self) -> dict[str, Any]:
        """From rows in memory to one finished step, in seconds: a training of one batch.

        A contender that would do other things for so short a training measures it itself.
        """
        member = next(iter(self.job.members.values()))[0]
        own = getattr(self.module, "first_step", None)
        if own is not None:
            return {"seconds": own(self.job, member, **self.options)}
        job = replace(self.job, rows=self.job.batch_size)
        job.inputs, job.targets  # noqa: B018
        start = time.perf_counter()
        self._learner(job, member).train(np.arange(self.job.batch_size))
        return {"seconds": time.perf_counter() - start}

    def start(self, seed: int) -> dict[str, Any]:
        """Set the networks of a seed to their first weights."""
        self.members = self.job.members[seed]
        self.orders = [self.job.order(member) for member in self.members]
        self.learners, self.epoch = [], 0
        if not self.job.is_sweep:
            self.learners = [self._learner(self.job, member) for member in self.members]
        return {}

    def block(self) -> dict[str, Any]:
        """One epoch of every network; a sweep is trained anew from its first weights."""
        steps = -(-len(self.job.inputs) // self.job.batch_size) * len(self.members)
        start = time.perf_counter()
        losses = self._sweep() if self.job.is_sweep else self._epoch()
        seconds = time.perf_counter() - start
        self.epoch += 1
        rows = len(self.job.inputs) * len(self.members)
        return {"seconds": seconds, "steps": steps, "rows": rows, "loss": float(np.mean(losses))}

    def judge(self) -> dict[str, Any]:
        """Loss and quality on the test rows, of a sweep the mean; and the peak of memory."""
        above = memory.peak() - self.held_at_first  # Before larger batches than those of training.
        inputs, targets = self.job.test
        found = []
        for learner in self.learners:
            parts = np.array_split(inputs, -(-len(inputs) // EVALUATION_ROWS))
            outputs = np.concatenate([learner.outputs(part) for part in parts])
            measures = (self.job.loss, self.job.quality)
            found.append([quality.MEASURES[name](outputs, targets) for name in measures])
        loss, reached = np.mean(found, axis=0).tolist()
        note = getattr(self.learners[0], "note", None)
        return {"loss": loss, "quality": reached, "peak_bytes": above, "note": note}

    def _epoch(self) -> list[float]:
        epoch = 0 if self.job.is_sweep else self.epoch
        pairs = zip(self.learners, self.orders, strict=True)
        return [learner.train(order[epoch]) for learner, order in pairs]

    def _sweep(self) -> list[float]:
        """One network after another, unless the contender can train them all at once."""
        together = getattr(self.module, "train_sweep", None)
        if together is not None:
            self.learners, losses = together(self.job, self.members, **self.options)
            return losses
        self.learners = [self._learner(self.job, member) for member in self.members]
        return self._epoch()

    def _learner(self, job: Job, member: Member) -> Learner:
        return self.module.learner(job, member, **self.options)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    start = time.perf_counter()
    contestant = Contestant(importlib.import_module(sys.argv[1]))
    _answer(answers, {"import_seconds": time.perf_counter() - start})
    for line in sys.stdin:
        command = json.loads(line)
        deed: Callable[..., dict[str, Any]] = getattr(contestant, command.pop("do"))
        _answer(answers, deed(**command))


def _answer(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
