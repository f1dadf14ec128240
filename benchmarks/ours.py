"""Ranvier as a contender: its own trainer, everything recorded, behind the peers' protocol."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ranvier as rv
from benchmarks.peers.job import Job as Files
from benchmarks.peers.job import Member
from benchmarks.peers.turns import Turns
from benchmarks.workloads.registry import WORKLOADS
from ranvier.apps.doctor import Doctor
from ranvier.runs.events import EventWriter
from ranvier.runs.settings import TrainSettings
from ranvier.step import Batch, Head
from ranvier.step.population import Population, vary
from ranvier.train.batches import Part
from ranvier.train.execution import settle
from ranvier.train.job import Job
from ranvier.train.machine import device_for, machine, threads_for
from ranvier.train.progress import Progress, Silent
from ranvier.train.store import Cursor, NoStore, Store
from ranvier.train.watcher import Watcher

# As long a training as people run: what the choice of an executor is worth depends on it. The
# blocks are its first epochs.
PLANNED_EPOCHS = 50


def job_of(files: Files, member: Member, *, epochs: int = PLANNED_EPOCHS, **options: Any) -> Job:
    """The member's training, before anything is chosen for this machine."""
    workload = WORKLOADS[files.name]
    shape = files.inputs.shape[1:]
    settings = TrainSettings(
        loss=workload.loss,
        optimizer={"kind": "adam"},
        schedule={"kind": "constant"},
        learning_rate=member.learning_rate,
        batch_size=files.batch_size,
        epochs=epochs,
        seed=member.seed,
        device=files.device,
        threads=threads_for(workload.operations(shape)),
        **options,
    )
    inputs, targets = torch.from_numpy(files.inputs), torch.from_numpy(files.targets)
    return Job(
        task=workload.task,
        module=rv.build(workload.network, shape, seed=member.seed),
        head=Head(workload.task),
        training=Part(inputs, targets, files.targets),
        validation=None,
        settings=settings,
        device=device_for(files.device),
    )


class TurnsDoctor(Doctor):
    """The doctor, for whom the turns of others are no time in which there was training."""

    def pass_over(self, seconds: float) -> None:
        self._ready += seconds


def run(job: Job, store: Store, progress: Progress, *, watcher: Watcher | None = None) -> None:
    """Train by `Trainer` on this machine, the events written to a folder as those of any run."""
    threads, seed = job.settings.threads or 1, job.settings.seed
    with (
        tempfile.TemporaryDirectory(prefix="ranvier-") as folder,
        closing(EventWriter(Path(folder))) as writer,
        machine(job.device, threads=threads, seed=seed),
    ):
        job.trainer(writer, store, progress, watcher=watcher).run()


class PauseAfterEpochs(Silent):
    """Progress that hands an epoch's loss on and waits for its next turn."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        self.pause = pause

    def epoch(self, record: dict[str, Any]) -> None:
        self.pause(record["train"]["loss"])


class Trained:
    """One training that goes on from turn to turn; `note` says what was chosen for this machine.

    Checkpoints are left out: they are due by the clock, which goes on while others have their turn.
    """

    def __init__(
        self, files: Files, member: Member, *, watched: bool = False, **options: Any
    ) -> None:
        self.watched = watched
        self.job, choice = settle(job_of(files, member, **options))
        self.note = choice.line
        self.turns = Turns(self._fit, epochs=PLANNED_EPOCHS)

    def _fit(self, pause: Callable[[float], None]) -> None:
        doctor = TurnsDoctor() if self.watched else None

        def wait(loss: float) -> None:
            began = time.perf_counter()
            pause(loss)
            if doctor is not None:
                doctor.pass_over(time.perf_counter() - began)

        run(self.job, NoStore(), PauseAfterEpochs(wait), watcher=doctor)

    def train(self, order: np.ndarray) -> float:
        """The order is Ranvier's own: `write_job` asked it for the others."""
        return self.turns.next()

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.job.module, self.job.device, inputs)


def learner(files: Files, member: Member, **options: Any) -> Trained:
    return Trained(files, member, **options)


class _Reached(Exception):
    """The first step is done."""


class StopAtFirstStep(NoStore):
    """Is asked after the first update, and ends the training there."""

    def most_steps(self, cursor: Cursor) -> int:
        return 1

    def due(self, cursor: Cursor) -> bool:
        raise _Reached


def first_step(files: Files, member: Member, *, watched: bool = False, **options: Any) -> float:
    """Seconds from rows in memory to one finished update of the whole training, choosing included.

    A training of one batch would not do: so short a one chooses nothing.
    """
    start = time.perf_counter()
    job, _ = settle(job_of(files, member, **options))
    try:
        run(job, StopAtFirstStep(), Silent(), watcher=Doctor() if watched else None)
    except _Reached:
        return time.perf_counter() - start
    raise AssertionError("the training ended before its first step")


class Grown:
    """A network of a sweep, trained."""

    def __init__(self, module: nn.Module, device: torch.device, note: str) -> None:
        self.module = module
        self.device = device
        self.note = note

    def train(self, order: np.ndarray) -> float:
        raise AssertionError("a sweep is trained as a whole")

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.module, self.device, inputs)


def train_sweep(
    files: Files, members: tuple[Member, ...], **options: Any
) -> tuple[list[Grown], list[float]]:
    """All networks of the sweep, each as a learner, and their mean losses.

    As one population, unless told an executor: that trains them one after another.
    """
    if "executor" not in options:
        return as_population(files, members, **options)
    grown, losses = [], []
    for member in members:
        job = job_of(files, member, epochs=1, **options)
        run(job, NoStore(), PauseAfterEpochs(losses.append))
        note = f"one after another, executor {job.settings.executor}"
        grown.append(Grown(job.module, job.device, note))
    return grown, losses


def as_population(
    files: Files, members: tuple[Member, ...], **options: Any
) -> tuple[list[Grown], list[float]]:
    """All networks in one captured update, for as many steps as an epoch has."""
    job = job_of(files, members[0], **options)
    threads = job.settings.threads or 1
    with machine(job.device, threads=threads, seed=members[0].seed):
        program = job.program()
        population = Population(
            [vary(program, seed=member.seed) for member in members],
            is_exact=job.settings.exact,
            device=job.device,
        )
        rates = [member.learning_rate for member in members]
        rows = Batch(job.training.inputs.to(job.device), job.training.targets.to(job.device))
        orders = torch.from_numpy(np.stack([files.order(member)[0] for member in members]))
        steps: tuple[Tensor, ...] = orders.to(job.device).split(files.batch_size, dim=1)
        losses = population.run_rows(rows, steps, [rates] * len(steps)).loss.mean(0)
    remarks = [remark.text for remark in population.remarks]
    note = remarks[0] if remarks else "a population"
    grown = [Grown(population.module(k), job.device, note) for k in range(len(members))]
    return grown, losses.tolist()


@torch.no_grad()
def outputs_of(module: nn.Module, device: torch.device, inputs: np.ndarray) -> np.ndarray:
    """What the network gives in evaluation."""
    module.eval()
    outputs = module(torch.from_numpy(inputs).to(device)).float().cpu().numpy()
    module.train()
    return outputs
