"""Ranvier as a contender: its own trainer, everything recorded, behind the peers' protocol."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ranvier as rv
from benchmarks.peers.job import Job as Files
from benchmarks.peers.job import Member
from benchmarks.peers.turns import Turns
from benchmarks.workloads.registry import WORKLOADS
from ranvier.runs.events import EventWriter
from ranvier.runs.settings import TrainSettings
from ranvier.step import Head
from ranvier.train.batches import Part
from ranvier.train.job import Job
from ranvier.train.machine import device_for, machine, threads_for
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore


class PauseAfterEpochs(Silent):
    """Progress that hands an epoch's loss on and waits for its next turn."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        self.pause = pause

    def epoch(self, record: dict[str, Any]) -> None:
        self.pause(record["train"]["loss"])


class Trained:
    """One training by `Job` and `Trainer`, its events written to a folder as those of any run.

    Checkpoints are left out: they are due by the clock, which goes on while others have their turn.
    """

    def __init__(self, files: Files, member: Member, **options: Any) -> None:
        workload = WORKLOADS[files.name]
        self.files = files
        self.member = member
        self.shape = files.inputs.shape[1:]
        self.module = rv.build(workload.network, self.shape, seed=member.seed)
        self.settings = TrainSettings(
            loss=workload.loss,
            optimizer={"kind": "adam"},
            schedule={"kind": "constant"},
            learning_rate=member.learning_rate,
            batch_size=files.batch_size,
            epochs=files.epochs,
            seed=member.seed,
            device=files.device,
            threads=threads_for(workload.operations(self.shape)),
            **options,
        )
        self.job = Job(
            task=workload.task,
            module=self.module,
            head=Head(workload.task),
            training=part(files.inputs, files.targets),
            validation=None,
            settings=self.settings,
            device=device_for(files.device),
        )
        self.turns = Turns(self._fit, epochs=files.epochs)

    def _fit(self, pause: Callable[[float], None]) -> None:
        settings = self.settings
        with (
            tempfile.TemporaryDirectory(prefix="ranvier-") as folder,
            machine(self.job.device, threads=settings.threads or 1, seed=settings.seed),
        ):
            writer = EventWriter(Path(folder))
            self.job.trainer(writer, NoStore(), PauseAfterEpochs(pause)).run()

    def train(self, order: np.ndarray) -> float:
        """The order is Ranvier's own: `write_job` asked it for the others."""
        return self.turns.next()

    @torch.no_grad()
    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        self.module.eval()
        found = self.module(torch.from_numpy(inputs).to(self.job.device)).float().cpu().numpy()
        self.module.train()
        return found


def part(inputs: np.ndarray, targets: np.ndarray) -> Part:
    """Rows in memory as the trainer takes them."""
    return Part(torch.from_numpy(inputs), torch.from_numpy(targets), targets)


def learner(files: Files, member: Member, **options: Any) -> Trained:
    return Trained(files, member, **options)
