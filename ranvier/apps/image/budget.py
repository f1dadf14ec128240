"""What fits into some minutes, by a rule that no clock has a say in: same command, same bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ranvier.step.choice.processor import processor
from ranvier.train.machine import device_for

# Where nobody says how long: pictures that a simple classifier tells apart nine times of ten, as it
# does MNIST's (94 %), are learnt soon; others, as Fashion-MNIST's (82 %), repay a longer training.
MINUTES_IF_EASY, USUAL_MINUTES = 5.0, 15.0
# Of the minutes asked for, what goes to epochs: the rest reads, tries executors, measures, reports.
SHARE_OF_EPOCHS, SECONDS_BESIDE = 0.8, 28.0
# Multiply-adds a second that updates of convolutions come to. On two cores of an AMD EPYC 9005,
# which multiply bfloat16, compact residual networks of 32 filters and more come to 260 to 310
# billion; float32 to 100. One H100 comes to some 20,000 billion.
PER_CORE_BFLOAT16, PER_CORE_FLOAT32, PER_GPU = 1.3e11, 5e10, 2e13
# Beyond so many cores a batch of pictures is too small to share.
MOST_CORES = 16
# An update computes forward, then backward for inputs and for weights.
PASSES = 3


@dataclass(frozen=True)
class Budget:
    """How long a training may take, and how fast it goes, in multiply-adds a second.

    `is_asked` tells minutes that somebody asked for from the usual ones.
    """

    minutes: float
    speed: float
    is_asked: bool = False

    @property
    def has_gpu(self) -> bool:
        """Whether it is as fast as no processor is."""
        return self.speed >= PER_GPU

    @property
    def seconds(self) -> float:
        """Those of the minutes that updates and evaluations have."""
        return max(0.25 * 60 * self.minutes, SHARE_OF_EPOCHS * 60 * self.minutes - SECONDS_BESIDE)

    def seconds_per_epoch(self, multiply_adds: int, *, rows: int, validation_rows: int) -> float:
        """What an epoch takes of a network of so many multiply-adds a picture.

        An evaluation computes forward alone, but one update at a time, in float32.
        """
        updates = PASSES * multiply_adds * rows / self.speed
        return updates + PASSES * multiply_adds * validation_rows / self.speed

    def epochs(self, multiply_adds: int, *, rows: int, validation_rows: int) -> int:
        """How many epochs there is time for; at least one."""
        each = self.seconds_per_epoch(multiply_adds, rows=rows, validation_rows=validation_rows)
        return max(1, math.floor(self.seconds / max(each, 1e-9)))


def budget_for(
    minutes: float | None, *, is_easy: bool, device: str = "auto", threads: int | None = None
) -> Budget:
    """The budget of a training on this machine; `device` and `threads` are the settings'."""
    usual = MINUTES_IF_EASY if is_easy else USUAL_MINUTES
    speed = speed_of(device, threads=threads)
    return Budget(usual if minutes is None else minutes, speed, is_asked=minutes is not None)


def speed_of(device: str, *, threads: int | None = None) -> float:
    """Multiply-adds a second, by what the machine is and not by what it does just now."""
    if device_for(device).type == "cuda":
        return PER_GPU
    per_core = PER_CORE_BFLOAT16 if processor().multiplies_bfloat16 else PER_CORE_FLOAT32
    return per_core * min(MOST_CORES, threads or torch.get_num_threads())
