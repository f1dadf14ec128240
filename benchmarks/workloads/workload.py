"""What a workload is: data, our network for it, and how the two are trained and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

import ranvier as rv
from ranvier.core.task import Task

Quality = Literal["accuracy", "mean_squared_error", "cross_entropy", "binary_cross_entropy"]
REGRESSION = Task("regression", "y")


@dataclass(frozen=True)
class Data:
    """Rows to train on and rows to judge by, as every contender gets them.

    Pictures are [rows, height, width, channels], series [rows, places, features].
    """

    inputs: np.ndarray
    targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray


@dataclass(frozen=True)
class Member:
    """One network of a workload: its seed, for weights and order, and its learning rate."""

    seed: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One training: Adam, a constant learning rate, every epoch all rows once.

    `model` is what the peers call the network, `made_of` says where the data come from, `aim` is
    how many times as fast as the fastest peer ours is to be. A sweep has many `members`, which
    start anew in every block; a workload of one goes on from block to block. `shows_share` is true
    where matrix products are most of the work, so that a share of the machine's peak says much.
    """

    name: str
    title: str
    model: str
    made_of: str
    load: Callable[[], Data]
    network: rv.Network
    task: Task
    loss: str
    batch_size: int
    learning_rate: float
    quality: Quality
    aim: float
    members: tuple[Member, ...] = ()
    shows_share: bool = False

    @property
    def is_sweep(self) -> bool:
        return bool(self.members)

    def members_of(self, seed: int) -> tuple[Member, ...]:
        """The networks to train: those of a sweep, each with a seed of its own, or the one."""
        if not self.members:
            return (Member(seed, self.learning_rate),)
        shift = seed * len(self.members)
        return tuple(replace(member, seed=member.seed + shift) for member in self.members)

    def operations(self, input_shape: tuple[int, ...]) -> int:
        """Additions and multiplications of one step: three times those of a forward pass."""
        return 3 * self.batch_size * self.network.describe(input=input_shape).flops


def classes(count: int) -> Task:
    return Task("classification", "y", tuple(range(count)))
