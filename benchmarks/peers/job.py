"""What a contender is asked to train, read from the files that `write_job` left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Member:
    """One network: the seed of its weights and order, and its learning rate."""

    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Job:
    """A workload's files. `rows` keeps the first so many training rows; None keeps all.

    `model` names the network, `loss` and `quality` what is made small and what is judged.
    """

    folder: Path
    name: str
    model: str
    loss: str
    quality: str
    batch_size: int
    is_sweep: bool
    device: str
    members: dict[int, tuple[Member, ...]]
    rows: int | None = None

    @classmethod
    def read(cls, folder: Path) -> Job:
        document = json.loads((folder / "job.json").read_text())
        members = {
            int(seed): tuple(Member(**member) for member in each)
            for seed, each in document.pop("members").items()
        }
        return cls(folder=folder, members=members, **document)

    @cached_property
    def inputs(self) -> np.ndarray:
        return self._array("train_inputs")[: self.rows]

    @cached_property
    def targets(self) -> np.ndarray:
        return self._array("train_targets")[: self.rows]

    @cached_property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets to judge by."""
        return self._array("test_inputs"), self._array("test_targets")

    def weights(self, member: Member) -> Weights:
        """The weights that a member starts from, by Ranvier's names for them."""
        with np.load(self.folder / f"weights-{member.seed}.npz", allow_pickle=False) as file:
            return dict(file)

    def order(self, member: Member) -> np.ndarray:
        """The rows that a member sees: [epochs, rows]."""
        if self.rows is not None:
            return np.arange(self.rows)[None]
        return self._array(f"order-{member.seed}")

    @property
    def epochs(self) -> int:
        """How many epochs the order is known for."""
        first = next(iter(self.members.values()))[0]
        return len(self.order(first))

    def _array(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)


class Learner(Protocol):
    """A network in training, as one contender has it.

    A contender is a module with `learner(job, member, **options)`. It may have `refusal(job)`, a
    sentence that says why it cannot take a job, or None; `first_step(job, member, **options)`, the
    seconds to it; and `train_sweep(job, members, **options)`, learners and losses of all at once. A
    learner may have a `note` on how it was run.
    """

    def train(self, order: np.ndarray) -> float:
        """One epoch over the rows in this order; the mean training loss."""
        ...

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network gives in evaluation."""
        ...
